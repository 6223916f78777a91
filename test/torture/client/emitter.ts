import type { Target } from "../../simulation/room-history.js";
import { Loops } from "./loops.js";
import type { Session } from "./session.js";
import { type EmitterSpec, ROOM_EVENT } from "./spec.js";

interface Message {
  readonly id: string;
  readonly rooms: readonly string[];
  readonly except: readonly { readonly user: string }[];
  readonly body: string;
  readonly key?: string;
}

interface Receipts {
  readonly receipts: readonly { readonly sequence: number; readonly duplicate: boolean }[];
}

const KEYS = 5;

/** Emits to rooms on several lanes, to one or to all of them, now and then not to one of the users; what got no answer is emitted again, mostly. */
export class Emitter {
  readonly #session: Session;
  readonly #spec: EmitterSpec;
  readonly #loops: Loops;
  #messages = 0;

  constructor(session: Session, spec: EmitterSpec) {
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
    const message = this.#message();
    await this.#loops.untilAnswered(() => this.#emit(message), true);
    await this.#loops.rest(this.#spec.pauseMs);
  }

  #message(): Message {
    const { random, name } = this.#session;
    const { rooms, users, bodyBytesMax } = this.#spec;
    const id = `${name}-e${++this.#messages}`;
    const user = random.chance(0.2) ? random.any(users) : undefined;
    const one = random.chance(0.7) ? random.any(rooms) : undefined;
    return {
      id,
      rooms: one === undefined ? rooms : [one],
      except: user === undefined ? [] : [{ user }],
      body: `${id} `.padEnd(random.below(bodyBytesMax), "x"),
      ...(random.chance(0.5) && { key: `key-${random.below(KEYS)}` }),
    };
  }

  /** @returns whether it has a receipt */
  async #emit({ id, rooms, except, body, key }: Message): Promise<boolean> {
    const session = this.#session;
    await session.whenConnected();
    const call = session.newCall();
    const to: Target[] = rooms.map((room) => ({ room }));
    const keyed = key === undefined ? {} : { key };
    session.note({ type: "emit", call, to, except, id, body, event: ROOM_EVENT, ...keyed });
    const answer = await session.ask<Receipts>("holdfast:emit", { rooms, except, event: ROOM_EVENT, args: [body], id, ...keyed });
    if (answer === undefined) session.note({ type: "emit-done", call, outcome: "info" });
    else if (!answer.ok) session.note({ type: "emit-done", call, outcome: "fail", code: answer.code });
    else {
      const receipts = answer.receipts.map(({ sequence, duplicate }) => ({ sequence, duplicate }));
      session.note({ type: "emit-done", call, outcome: "ok", receipts });
    }
    return answer?.ok === true;
  }
}
