import type { Ordering } from "./order.js";
import type { QueueModel } from "./queue-model.js";

/** What every check has to have come to, by what its stories say or its messages ended as. */
const EVENTS = ["QUEUE_FULL", "sent again", "in vain: ", "is lost", "is stale", "run out", "crash", "closed and opened", "paused"];
const STATES = ["acked", "purged", "dead", "redriven", "discarded"] as const;

/** What the runs of one check came to, so that they cannot pass by doing nothing. */
export class Seen {
  readonly #counts = new Map<string, number>();

  #count(what: string, count: number): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + count);
  }

  add(model: QueueModel): void {
    for (const state of STATES) this.#count(state, model.in(state).length);
    for (const event of EVENTS) this.#count(event, model.story.filter((line) => line.includes(event)).length);
    for (const { death } of model.messages) if (death !== undefined) this.#count(death.reason, 1);
  }

  expectEnough(ordering: Ordering): void {
    const ends = ["rejected", "attempts", ordering === "none" ? "overflow" : "skipped"];
    const never = [...STATES, ...EVENTS, ...ends].filter((what) => (this.#counts.get(what) ?? 0) === 0);
    if (never.length > 0) throw new Error(`in no run there was: ${never.join(", ")}`);
  }
}
