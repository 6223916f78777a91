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

  /** Takes the entries read after `queue.delays.horizon`: those that are due, in one commit with their deletion. */
  promote(queue: Queue, entries: readonly Entry[], now: number): void {
    const { horizon } = queue.delays;
    if (!this.#catalog.has(queue)) {
      horizon.end(Number.POSITIVE_INFINITY);
      return;
    }
    // Whatever follows what was read may be due too.
    let next = entries.length === 0 ? Number.POSITIVE_INFINITY : now;
    for (const [key, value] of entries) {
      const due = keys.positionOf(key);
      const first = keys.delayedFirstOf(key);
      if (due > now) {
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
      this.#place(queue, block, due, now);
    }
    horizon.end(next);
  }

  #place(queue: Queue, block: Block, due: number, now: number): void {
    const records = block.records;
    queue.delays.count -= block.count;
    queue.delays.bytes -= records.length;
    if (!block.expires && !block.raised) {
      storePromoted(queue, block, due, { records, count: block.count, expires: false });
      return;
    }
    const { publishedAt } = block;
    for (let index = 0; index < block.count; index++) {
      const record = block.record(index);
      const expireAt = expireAtOf(record, 0, publishedAt);
      if (expireAt > now) promoteOne(queue, block, due, record, expireAt !== NEVER, this.#entries);
      else this.#transitions.expire(queue, record, { sequence: block.first + index, attempts: 0, publishedAt, reason: undefined }, now);
    }
  }
}
