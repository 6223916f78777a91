import type { HistoryEvent } from "../../history.js";
import type { Life } from "../run.js";

/** A cursor that moved is in a commit begun by then, however late timers are. */
const WRITTEN_MS = 350;
/** With no commit under way for so long, what was to be written is. */
const QUIET_MS = 50;
/** Where nobody wrote down what was committed, what was settled so long before the end is; a server that is kept waiting is late itself. */
const SURELY_WRITTEN_MS = 2_000;

/** Tells up to which time what devices settled in a life is known to have survived its end. */
export class DurableCursors {
  readonly #through = new Map<number, number>();

  constructor(events: readonly HistoryEvent[], lives: readonly Life[]) {
    let begun = new Map<number, number>();
    let through = Number.NEGATIVE_INFINITY;
    let lastSynced = Number.NEGATIVE_INFINITY;
    const isTold = events.some(({ type }) => type === "commit-begun");
    for (const event of events) {
      if (event.type === "restart") {
        begun = new Map();
        through = Number.NEGATIVE_INFINITY;
        lastSynced = Number.NEGATIVE_INFINITY;
      } else if (event.type === "commit-begun") {
        begun.set(event.commit, event.at);
      } else if (event.type === "synced") {
        through = Math.max(through, (begun.get(event.commit) ?? Number.NEGATIVE_INFINITY) - WRITTEN_MS);
        begun.delete(event.commit);
        lastSynced = event.at;
      } else if (event.type === "crash") {
        const quiet = lastSynced !== Number.NEGATIVE_INFINITY && begun.size === 0 && event.at - lastSynced >= QUIET_MS;
        if (!isTold) through = event.at - SURELY_WRITTEN_MS;
        this.#through.set(event.index, quiet ? Math.max(through, event.at - WRITTEN_MS - QUIET_MS) : through);
      }
    }
    for (const { end, graceful } of lives) if (graceful) this.#through.set(end, Number.POSITIVE_INFINITY);
  }

  /** What was settled in the life up to this time, by its clock, survived; all, when it ended by its own will. */
  through({ end }: Life): number {
    return this.#through.get(end) ?? Number.NEGATIVE_INFINITY;
  }
}
