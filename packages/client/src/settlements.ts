import type { Connection } from "./connection.js";
import { HoldfastError } from "./errors.js";
import { eachFate, type Fate, type SettleRun, type Verb } from "./frame.js";
import * as LIMITS from "./limits.js";

/** What a verb says beside the lease. */
export interface Terms {
  readonly delayMs?: number | undefined;
  readonly reason?: string | undefined;
  readonly leaseMs?: number | undefined;
}

/** One settlement on its way. */
export interface Settlement {
  readonly lease: number;
  readonly verb: Verb;
  readonly terms: Terms | undefined;
  /** How often it was sent without an answer. */
  sends: number;
  /** The server's durable reply came, or never will. */
  onSettled(error: HoldfastError | undefined): void;
}

type OpenRun = { -readonly [Field in keyof SettleRun]: SettleRun[Field] };

/** Of a settle section; of a run without its reason. */
const SECTION_BYTES = 16;
const RUN_BYTES = 24;

/** The settlements of one consumer: gathered over a turn, sent as runs, kept until they are answered. */
export class Settlements {
  readonly #connection: Connection;
  readonly #onAnswer: () => void;
  readonly #waiting: Settlement[] = [];
  readonly #sent = new Set<Settlement[]>();
  #attempt = 0;
  /** Nothing is sent for a while. */
  #paused = false;

  /** @param onAnswer called after every answer, and when there is something to send again */
  constructor(connection: Connection, onAnswer: () => void) {
    this.#connection = connection;
    this.#onAnswer = onAnswer;
  }

  get idle(): boolean {
    return this.#waiting.length + this.#sent.size === 0;
  }

  add(item: Settlement): void {
    this.#waiting.push(item);
  }

  /** Writes what waits. */
  write(handle: number): void {
    if (this.#paused || this.#waiting.length === 0) return;
    const waiting = this.#waiting.splice(0);
    // So that runs are long. Where one is not done with its message, those after it in a queue of one order depend on what was first.
    if (waiting.every((item) => item.verb === "ack")) waiting.sort((a, b) => a.lease - b.lease);
    let items: Settlement[] = [];
    let runs: OpenRun[] = [];
    let bytes = SECTION_BYTES;
    for (const item of waiting) {
      const runBytes = RUN_BYTES + 3 * (item.terms?.reason?.length ?? 0);
      if (items.length === LIMITS.maxInFlightMax || bytes + runBytes > this.#connection.room) {
        if (items.length > 0) this.#send(handle, runs, items);
        this.#connection.sendFrame();
        runs = [];
        items = [];
        bytes = SECTION_BYTES;
      }
      const run = runs.at(-1);
      if (run && continues(run, item)) {
        run.count++;
      } else {
        bytes += runBytes;
        runs.push({ first: item.lease, count: 1, verb: item.verb, ...item.terms });
      }
      item.sends++;
      items.push(item);
    }
    this.#send(handle, runs, items);
  }

  #send(handle: number, runs: readonly SettleRun[], items: Settlement[]): void {
    this.#sent.add(items);
    const request = this.#connection.expect((fates) => {
      // Those given up meanwhile were told so: their leases are another's.
      if (!this.#sent.delete(items)) return;
      this.#answer(items, fates);
      this.#onAnswer();
    });
    this.#connection.frame.settle({ request, handle, runs });
  }

  #answer(items: readonly Settlement[], fates: readonly Fate[]): void {
    let refused = false;
    eachFate(fates, items.length, (index, { error }) => {
      const item = items[index];
      if (!item) return;
      item.sends--;
      if (error?.retryable && error.code !== "UNKNOWN") {
        this.#waiting.push(item);
        refused = true;
      } else {
        item.onSettled(error?.code === "STALE_LEASE" ? lost(item) : error);
      }
    });
    if (!refused) this.#attempt = 0;
    else if (!this.#paused) this.#pause();
  }

  #pause(): void {
    this.#paused = true;
    this.#connection.pause(this.#attempt++, () => {
      this.#paused = false;
      this.#onAnswer();
    });
  }

  /** The connection is gone: what is unanswered waits to be sent again. */
  interrupt(): void {
    this.#waiting.unshift(...[...this.#sent].flat());
    this.#sent.clear();
  }

  /** The leases are lost. */
  fail(): void {
    this.interrupt();
    for (const item of this.#waiting.splice(0)) item.onSettled(lost(item));
  }
}

const continues = (run: SettleRun, { lease, verb, terms }: Settlement): boolean =>
  run.first + run.count === lease &&
  run.verb === verb &&
  run.delayMs === terms?.delayMs &&
  run.reason === terms?.reason &&
  run.leaseMs === terms?.leaseMs;

/** The lease is gone; a sending that was never answered may have been carried out before that. */
const lost = ({ lease, verb, sends }: Settlement): HoldfastError =>
  sends > 0 ? new HoldfastError("UNKNOWN", `no reply to ${verb} of lease ${lease}`, false) : staleLease(lease);

export const staleLease = (lease: number): HoldfastError => new HoldfastError("STALE_LEASE", `lease ${lease} is over`);
