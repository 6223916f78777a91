import { Loops } from "./loops.js";
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
  readonly #loops: Loops;
  #messages = 0;

  constructor(session: Session, spec: PublisherSpec) {
    this.#session = session;
    this.#spec = spec;
    this.#loops = new Loops(session);
  }

  start(): void {
    for (let lane = 0; lane < this.#spec.window; lane++) this.#loops.start(() => this.#round());
  }

  /** Resolves once nothing is under way any more. */
  stop(): Promise<void> {
    return this.#loops.stop();
  }

  async #round(): Promise<void> {
    const { random } = this.#session;
    const { times, pauseMs, batchMax, delayOneIn = 0 } = this.#spec;
    const messages = Array.from({ length: random.between(1, batchMax) }, () => this.#message());
    // The checker knows messages that have delays by their receipts.
    for (let time = 0; time < times; time++) await this.#loops.untilAnswered(() => this.#publish(messages), delayOneIn === 0);
    await this.#loops.rest(pauseMs);
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
