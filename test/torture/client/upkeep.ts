import { nowNs } from "../history-file.js";
import { pause } from "../pause.js";
import { Loops } from "./loops.js";
import type { Session } from "./session.js";
import type { UpkeepSpec } from "./spec.js";

/** A delivery that was leased before a purge may be placed so much later. */
const PLACING_NS = 2e6;

/** Redrives dead letters and purges queues, again and again. */
export class Upkeep {
  readonly #session: Session;
  readonly #spec: UpkeepSpec;
  readonly #loops: Loops;

  constructor(session: Session, spec: UpkeepSpec) {
    this.#session = session;
    this.#spec = spec;
    this.#loops = new Loops(session);
  }

  start(): void {
    const { redriveEveryMs, purgeEveryMs } = this.#spec;
    if (redriveEveryMs !== undefined) this.#loops.start(() => this.#after(redriveEveryMs, () => this.#redrive()));
    if (purgeEveryMs !== undefined) this.#loops.start(() => this.#after(purgeEveryMs, () => this.#purge()));
  }

  stop(): Promise<void> {
    return this.#loops.stop();
  }

  async #after(ms: number, run: () => Promise<void>): Promise<void> {
    await pause(this.#session.random.below(2 * ms));
    await this.#session.whenConnected();
    await run();
  }

  async #redrive(): Promise<void> {
    const { queue } = this.#spec;
    const call = this.#session.newCall();
    this.#session.note({ type: "redrive", call, queue });
    this.#session.say({ say: "redriving" });
    const answer = await this.#session.ask<{ readonly count: number }>("holdfast:redrive", { queue });
    if (answer?.ok) this.#session.note({ type: "redrive-done", call, outcome: "ok", count: answer.count });
    else if (answer !== undefined) this.#session.note({ type: "redrive-done", call, outcome: "fail", code: answer.code });
  }

  /** What a purge reached is not told: whoever puts the histories together knows what was stored before it. */
  async #purge(): Promise<void> {
    const { queue } = this.#spec;
    const call = this.#session.newCall();
    this.#session.note({ type: "purge", call, queue });
    const answer = await this.#session.ask<{ readonly count: number }>("holdfast:purge", { queue });
    if (answer?.ok) {
      const done = { count: answer.count, through: 0, throughMax: Number.MAX_SAFE_INTEGER };
      this.#session.note({ type: "purge-done", call, outcome: "ok", ...done }, nowNs() + PLACING_NS);
      this.#session.say({ say: "purged" });
    } else if (answer !== undefined) this.#session.note({ type: "purge-done", call, outcome: "fail", code: answer.code });
  }
}
