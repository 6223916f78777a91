import { pause } from "../pause.js";
import type { Session } from "./session.js";
import type { PublisherSpec } from "./spec.js";

interface Message {
  readonly id: string;
  readonly body: string;
  readonly key?: string;
  readonly delayMs?: number;
  readonly ttlMs?: number;
}

interface Receipts {
  readonly receipts: readonly { readonly id: string; readonly sequence: number; readonly duplicate: boolean }[];
}

/** Publishes on several lanes; what got no answer is sent again under the same ids, mostly. */
export class Publisher {
  readonly #session: Session;
  readonly #spec: PublisherSpec;
  #messages = 0;
  #running = true;
  #over: Promise<unknown> = Promise.resolve();

  constructor(session: Session, spec: PublisherSpec) {
    this.#session = session;
    this.#spec = spec;
  }

  start(): void {
    this.#over = Promise.all(Array.from({ length: this.#spec.window }, () => this.#lane()));
  }

  /** Resolves once nothing is under way any more. */
  async stop(): Promise<void> {
    this.#running = false;
    await this.#over;
  }

  async #lane(): Promise<void> {
    const { random } = this.#session;
    const { times, pauseMs, batchMax } = this.#spec;
    while (this.#running) {
      const messages = Array.from({ length: random.between(1, batchMax) }, () => this.#message());
      for (let time = 0; time < times; time++) await this.#send(messages);
      await pause(random.below(2 * pauseMs + 1));
    }
  }

  #message(): Message {
    const { random, name } = this.#session;
    const { keys, delayOneIn = 0, delayMsMax = 0, ttlOneIn = 0, ttlMsMax = 0, bodyBytesMax } = this.#spec;
    const id = `${name}-${++this.#messages}`;
    return {
      id,
      body: `${id} `.padEnd(random.below(bodyBytesMax), "x"),
      ...(keys > 0 && { key: `key-${random.below(keys)}` }),
      ...(delayOneIn > 0 && random.below(delayOneIn) === 0 && { delayMs: 1 + random.below(delayMsMax) }),
      ...(ttlOneIn > 0 && random.below(ttlOneIn) === 0 && { ttlMs: 1 + random.below(ttlMsMax) }),
    };
  }

  /** Until there is an answer; sometimes it gives up before, so that nobody ever knows, unless its messages have delays. */
  async #send(messages: readonly Message[]): Promise<void> {
    const { random } = this.#session;
    const { delayOneIn = 0 } = this.#spec;
    while (!(await this.#publish(messages))) {
      if (delayOneIn === 0 && (!this.#running || random.chance(0.2))) return;
      await pause(random.below(20));
    }
  }

  async #publish(messages: readonly Message[]): Promise<boolean> {
    const session = this.#session;
    const { queue } = this.#spec;
    await session.whenConnected();
    const batch = session.newCall();
    const whole = messages.length > 1 ? { batch } : {};
    const calls = messages.map((message) => {
      const call = session.newCall();
      session.note({ type: "publish", call, queue, channel: session.channel, ...whole, ...message });
      return call;
    });
    session.say({ say: "publishing" });
    const [only] = messages;
    const payload = messages.length > 1 ? { queue, messages } : { queue, ...only };
    const answer = await session.ask<Receipts>("holdfast:publish", payload);
    for (const [position, call] of calls.entries()) {
      if (answer === undefined) session.note({ type: "publish-done", call, outcome: "info" });
      else if (!answer.ok) session.note({ type: "publish-done", call, outcome: "fail", code: answer.code });
      else {
        const { id, sequence, duplicate } = answer.receipts[position] ?? { id: "none", sequence: 0, duplicate: false };
        session.note({ type: "publish-done", call, outcome: "ok", id, sequence, duplicate });
      }
    }
    return answer?.ok === true;
  }
}
