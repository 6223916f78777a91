import { HoldfastError } from "holdfast-client/protocol";
import type { Entry } from "../store.js";
import { Block } from "./block.js";
import type { Catalog } from "./catalog.js";
import type { CommitBuilder } from "./commit.js";
import type { DueEntries } from "./due-entries.js";
import * as keys from "./keys.js";
import { promoteOne, storePromoted } from "./log.js";
import type { Queue } from "./queue.js";
import { expireAtOf, NEVER } from "./timing.js";
import type { Transitions } from "./transitions.js";

/**
 * Bytes that consumers find ready when more is moved: what they take while a commit is written. It is in memory then, and
 * most of it is settled before the journal is moved to the store below it.
 */
const AHEAD_BYTES = 1_048_576;
/** However slow consumers are, the next messages take their place after so long. */
const REST_MS_MAX = 100;

/**
 * Moves delayed messages into the log when they become due, so that there is one order for all: by the time they were
 * due, then by the sequence they were published with. They take new sequences, as what is redriven does.
 */
export class Delays {
  readonly #catalog: Catalog;
  readonly #commit: CommitBuilder;
  readonly #transitions: Transitions;
  readonly #entries: DueEntries;

  constructor(catalog: Catalog, commit: CommitBuilder, transitions: Transitions, entries: DueEntries) {
    this.#catalog = catalog;
    this.#commit = commit;
    this.#transitions = transitions;
    this.#entries = entries;
  }

  /** Whether delayed messages may be due that are to take their places now. */
  isDue(queue: Queue, now: number): boolean {
    return queue.delays.horizon.next <= now && !this.rests(queue, now);
  }

  /** Whether what is due may wait before it takes its place, because consumers have enough before it. */
  rests(queue: Queue, now: number): boolean {
    const { delays } = queue;
    if (queue.consumers.size === 0 || queue.paused || waitingBytes(queue) < AHEAD_BYTES) delays.restsUntil = 0;
    else if (delays.restsUntil === 0) delays.restsUntil = now + REST_MS_MAX;
    return now < delays.restsUntil;
  }

  /**
   * Takes the entries read after `queue.delays.horizon`, in one commit with their deletion: those that are due, as far as
   * nothing was stored since the read that is due before them. That would be passed, and never seen.
   *
   * @param reached the time that counts as the present one for those that had their places in an earlier life
   */
  promote(queue: Queue, entries: readonly Entry[], now: number, reached = now): void {
    const { horizon } = queue.delays;
    queue.delays.restsUntil = 0;
    if (!this.#catalog.has(queue)) {
      horizon.end(Number.POSITIVE_INFINITY);
      return;
    }
    const until = Math.min(reached, queue.delays.unread);
    // Whatever follows what was read may be due too.
    let next = entries.length === 0 ? Number.POSITIVE_INFINITY : now;
    for (const [key, value] of entries) {
      const due = keys.positionOf(key);
      const first = keys.delayedFirstOf(key);
      if (due > until) {
        next = due;
        break;
      }
      horizon.pass(key, due);
      // What was purged is being cleared.
      if (first < queue.purgedBelow) continue;
      const block = Block.unpack(value);
      if (block.queue !== queue.number || block.first !== first) {
        throw new HoldfastError("ENGINE_UNAVAILABLE", `delayed messages ${queue.number}/${first} hold ${block.queue}/${block.first}`);
      }
      this.#commit.write(key, undefined);
      this.#commit.touch(queue);
      queue.drainedBytes += value.length;
      this.#place(queue, block, due, now, reached);
    }
    horizon.end(next);
  }

  /** All that had its place in an earlier life took it; from here on the clock of this life counts. */
  endRecovery(queue: Queue): void {
    queue.delays.placedThrough = 0;
    queue.delays.horizon.restart();
    this.#commit.touch(queue);
  }

  #place(queue: Queue, block: Block, due: number, now: number, reached: number): void {
    const records = block.records;
    queue.delays.move(block.count, records.length);
    if (!block.expires && !block.raised) {
      storePromoted(queue, block, due, { records, count: block.count, expires: false });
      return;
    }
    const { publishedAt } = block;
    for (let index = 0; index < block.count; index++) {
      const record = block.record(index);
      const expireAt = expireAtOf(record, 0, publishedAt);
      if (expireAt > reached) promoteOne(queue, block, due, record, expireAt !== NEVER, this.#entries);
      else this.#transitions.expire(queue, record, { sequence: block.first + index, attempts: 0, publishedAt, reason: undefined }, now);
    }
  }
}

/** Bytes of the log that memory has for consumers, or is about to have; more than enough when there is more in the store. */
function waitingBytes({ delays, windowBytes, windowEnd, durableLogEnd }: Queue): number {
  return windowEnd < durableLogEnd ? Number.POSITIVE_INFINITY : windowBytes + delays.movingBytes;
}
