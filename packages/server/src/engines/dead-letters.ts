import { HoldfastError, RecordView } from "holdfast-client/protocol";
import type { Clock } from "../clock.js";
import type { Core } from "../core/core.js";
import { historyOf } from "../core/history.js";
import type { Letter } from "../core/letter.js";
import type { Queue } from "../core/queue.js";
import type { Page, Peeked } from "../engine.js";
import type { Store } from "../store.js";
import { LetterReader, type Stretch } from "./letters.js";
import { looked } from "./looked.js";
import { leasedSequences } from "./peek.js";
import type { Steps } from "./steps.js";

/** Stretches that one page looks through at most, when few letters of a shared dead-letter queue are this queue's. */
const STRETCHES_MAX = 8;
/** How often a stretch is read again at most, because consumers gave letters of it back. */
const READ_AGAIN_MAX = 100;

/** The dead letters of one queue: those in its dead-letter queue, which others may share, whose history names it. */
export class DeadLetters {
  readonly #core: Core;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #origin: Queue;
  readonly #steps: Steps;
  /** Undefined while no message of any queue has died there. */
  readonly #queue: Queue | undefined;

  constructor(core: Core, store: Store, clock: Clock, origin: Queue, steps: Steps) {
    const { namespace, options } = origin;
    this.#core = core;
    this.#store = store;
    this.#clock = clock;
    this.#origin = origin;
    this.#steps = steps;
    this.#queue = options.deadLetter === false ? undefined : core.catalog.find({ namespace, queue: options.deadLetter });
    if (this.#queue?.chains === undefined) return;
    const { ordering } = this.#queue.options;
    throw new HoldfastError(
      "BAD_REQUEST",
      `ordering of the dead-letter queue ${this.#queue.name} is "${ordering}", expected "none" for this`,
    );
  }

  async page(after: number, limit: number): Promise<Page<Peeked, number>> {
    const queue = this.#queue;
    if (queue === undefined) return { items: [] };
    let reader = new LetterReader(queue, this.#store);
    let { moves } = queue;
    const found: Letter[] = [];
    let end = after;
    for (let [stretch, again] = [0, 0]; stretch < STRETCHES_MAX && end !== Number.POSITIVE_INFINITY && found.length <= limit; ) {
      if (queue.moves !== moves) reader = new LetterReader(queue, this.#store);
      moves = queue.moves;
      // Letters that died just now are in the store then, and those given back in their new places.
      await this.#steps.durable();
      const read = await reader.read(end);
      // What was given back meanwhile may be in both places, or in neither.
      if (queue.moves !== moves && again++ < READ_AGAIN_MAX) continue;
      found.push(...read.letters.filter((letter) => this.#isMine(letter)));
      end = read.end;
      stretch++;
    }
    const items = this.#show(queue, found.slice(0, limit));
    if (found.length > limit) return { items, next: items.at(-1)?.sequence ?? after };
    return end === Number.POSITIVE_INFINITY ? { items } : { items, next: end };
  }

  #show(queue: Queue, letters: readonly Letter[]): Peeked[] {
    const leased = leasedSequences(queue);
    const now = this.#clock.now();
    return letters.map(({ sequence, publishedAt, attempts, record, place }) => {
      const inFlight = leased.has(sequence);
      const waiting = place.due !== undefined && place.due.due > now ? "delayed" : "ready";
      return { sequence, publishedAt, record, attempts: attempts + (inFlight ? 1 : 0), state: inFlight ? "in-flight" : waiting };
    });
  }

  async redrive(ids: readonly string[] | undefined): Promise<number> {
    const wanted = ids === undefined ? undefined : new Set(ids);
    const isWanted = ({ record }: Letter): boolean => wanted?.has(new RecordView(record, 0, record.length).id) !== false;
    const { administration } = this.#core;
    return this.#eachStretch(isWanted, (queue, letters) => administration.redrive(queue, letters, this.#origin, this.#clock.now()));
  }

  async purge(): Promise<number> {
    return this.#eachStretch(
      () => true,
      (queue, letters) => {
        const { count, ended } = this.#core.administration.discard(queue, letters);
        // Their numbers are stale already; being told only frees what is kept for them.
        if (ended.length > 0) this.#clock.soon(() => this.#steps.purged(ended));
        return count;
      },
      true,
    );
  }

  /**
   * Goes over the letters there are now, a commit for each stretch of them.
   *
   * @param all also those that consumers give back meanwhile: a read finds them neither where they were nor where they go
   */
  async #eachStretch(
    wanted: (letter: Letter) => boolean,
    act: (queue: Queue, letters: readonly Letter[]) => number,
    all = false,
  ): Promise<number> {
    const queue = this.#queue;
    if (queue === undefined) return 0;
    let reader = new LetterReader(queue, this.#store);
    let { moves } = queue;
    const through = queue.next - 1;
    let count = 0;
    try {
      for (let [after, again] = [0, 0]; after < through; ) {
        if (again > READ_AGAIN_MAX) throw new HoldfastError("ENGINE_UNAVAILABLE", "the letters do not hold still");
        const end = await alone(queue, async () => {
          // What was given back since the last stretch went where the reader looked before.
          if (all && queue.moves !== moves) reader = new LetterReader(queue, this.#store);
          moves = queue.moves;
          const stretch = await this.#readStill(queue, reader, after);
          const mine = stretch.letters.filter((letter) => letter.sequence <= through && this.#isMine(letter) && wanted(letter));
          const missed = all && hasMoved(queue, after, Math.min(stretch.end, through));
          if (mine.length > 0) {
            count += this.#steps.run(() => act(this.#existing(queue), mine));
            await this.#steps.durable();
          }
          return missed ? after : stretch.end;
        });
        again = end === after ? again + 1 : 0;
        // What it knew of the due list is old.
        if (again > 0) reader = new LetterReader(queue, this.#store);
        after = end;
        this.#steps.looked(queue);
      }
      // Letters that somebody else took out meanwhile do not come again either.
      await this.#steps.durable();
      return count;
    } catch (error) {
      throw outcomeOf(error, count);
    }
  }

  /** Reads while nothing else is read of the queue, after all that was settled is on disk. */
  async #readStill(queue: Queue, reader: LetterReader, after: number): Promise<Stretch> {
    // What a read found in flight at a crash is stored anew, and has to be durable too. No other read starts meanwhile.
    while (queue.readingLog || queue.levels.isReading) await this.#steps.readEnded();
    await this.#steps.durable();
    try {
      return await looked(reader.read(after));
    } catch (error) {
      await this.#steps.failed(error);
      throw error;
    }
  }

  /** The dead-letter queue, if both are still there: they may have been deleted since. */
  #existing(queue: Queue): Queue {
    for (const each of [this.#origin, queue]) {
      const address = { namespace: each.namespace, queue: each.name };
      if (this.#core.catalog.find(address) !== each) throw new HoldfastError("NOT_FOUND", `queue ${each.name} was deleted meanwhile`);
    }
    return queue;
  }

  #isMine({ record }: Letter): boolean {
    const history = historyOf(record);
    return history?.queue === this.#origin.name && history.namespace === this.#origin.namespace;
  }
}

/** Whether a message of those sequences was given back during the read under way. */
function hasMoved(queue: Queue, after: number, end: number): boolean {
  for (const sequence of queue.movedMeanwhile ?? []) if (sequence > after && sequence <= end) return true;
  return false;
}

/** The last of those who take messages out of a queue; each waits for the one before. */
const lastOf = new WeakMap<Queue, Promise<unknown>>();

/** Runs work that takes messages out of a queue, wherever they lie: one at a time, noting what leaves the queue meanwhile. */
export async function alone<Result>(queue: Queue, work: () => Promise<Result>): Promise<Result> {
  const before = lastOf.get(queue) ?? Promise.resolve();
  const run = before.then(async () => {
    queue.leftMeanwhile = new Set();
    queue.movedMeanwhile = new Set();
    try {
      return await work();
    } finally {
      queue.leftMeanwhile = undefined;
      queue.movedMeanwhile = undefined;
    }
  });
  lastOf.set(
    queue,
    run.catch(() => undefined),
  );
  return run;
}

/** A code other than `UNKNOWN` says that nothing changed, so it holds only while nothing was moved. */
function outcomeOf(error: unknown, count: number): unknown {
  if (count === 0) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new HoldfastError("UNKNOWN", `it ended after ${count} letters: ${message}; called again it goes on with the rest`);
}
