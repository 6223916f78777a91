import { Block } from "../core/block.js";
import { unpackDue } from "../core/due-list.js";
import type { DuePlace } from "../core/due-mark.js";
import * as keys from "../core/keys.js";
import type { Letter } from "../core/letter.js";
import type { Queue } from "../core/queue.js";
import type { Store } from "../store.js";
import { storedDue } from "./due-store.js";
import { blockWith } from "./peek.js";

/** Letters of one stretch, and bytes of their records: what one commit moves, so that traffic goes on between. */
const LETTERS_MAX = 500;
const BYTES_MAX = 1_048_576;
const BLOCKS_MAX = 64;
/** The due lists are not in order of sequence, so its places are gathered and sorted, the lowest first, so many at a time. */
const PLACES_MAX = 50_000;

interface LetterPlace extends DuePlace {
  readonly sequence: number;
}

/** A part of a queue in order of sequence. */
export interface Stretch {
  readonly letters: readonly Letter[];
  /** Everything up to here was looked at; Infinity at the queue's end. */
  readonly end: number;
}

/** Reads the messages of a queue in order of sequence, from log and due lists together, a stretch at a time. */
export class LetterReader {
  readonly #queue: Queue;
  readonly #store: Store;
  #places: LetterPlace[] = [];
  /** Places of the due list are known for the sequences after the first and up to the second. */
  #placesAfter = Number.POSITIVE_INFINITY;
  #placesEnd = 0;

  constructor(queue: Queue, store: Store) {
    this.#queue = queue;
    this.#store = store;
  }

  /** The messages with a sequence above `after`, as many as one stretch has. */
  async read(after: number): Promise<Stretch> {
    const from = Math.max(after, this.#queue.purgedBelow - 1);
    const log = await this.#readLog(from);
    await this.#gatherPlaces(from);
    const end = Math.min(log.end, this.#placesEnd);
    const letters = log.letters.filter(({ sequence }) => sequence <= end);
    let fromDue = 0;
    for (const place of this.#places) {
      if (place.sequence > end || fromDue > LETTERS_MAX) break;
      const letter = place.sequence > from ? this.#readDue(place) : undefined;
      if (letter === undefined) continue;
      letters.push(letter);
      fromDue++;
    }
    letters.sort((a, b) => a.sequence - b.sequence);
    return cut(letters, end);
  }

  async #readLog(after: number): Promise<Stretch> {
    const queue = this.#queue;
    const letters: Letter[] = [];
    const blocks = await this.#readBlocks(after);
    for (const { block, value } of blocks) {
      const live = queue.blocks.get(block.first);
      const bitmap = live === undefined ? this.#store.get(keys.settledKey(queue.number, block.first)) : undefined;
      if (bitmap !== undefined) block.restoreBitmap(bitmap);
      for (let index = 0; index < block.count; index++) {
        const sequence = block.first + index;
        if (sequence <= after || block.isSettled(index) || live?.isSettled(index) === true) continue;
        if (letters.length > LETTERS_MAX) return { letters, end: sequence - 1 };
        const record = value.subarray(block.start(index), block.stop(index));
        letters.push({ sequence, publishedAt: block.publishedAt, attempts: 0, record, place: { block: block.first } });
      }
    }
    return { letters, end: (blocks.at(-1)?.block.end ?? Number.POSITIVE_INFINITY) - 1 };
  }

  /** The next blocks with messages above `after`; none at the log's end. */
  async #readBlocks(after: number): Promise<{ readonly block: Block; readonly value: Uint8Array }[]> {
    const { number, durableNext } = this.#queue;
    const start = await blockWith(this.#queue, this.#store, after + 1);
    for (const first of start > after ? [start] : [start, after + 1]) {
      const range = {
        from: keys.blockKey(number, first),
        to: keys.blockKey(number, durableNext),
        entriesMax: BLOCKS_MAX,
        bytesMax: BYTES_MAX,
      };
      const entries = await this.#store.read(range);
      const blocks = entries.map(([, value]) => ({ block: Block.unpack(value), value }));
      if ((blocks.at(-1)?.block.end ?? 0) > after + 1) return blocks;
    }
    return [];
  }

  async #gatherPlaces(after: number): Promise<void> {
    if (after >= this.#placesAfter && after < this.#placesEnd) return;
    let places: LetterPlace[] = [];
    for await (const { message } of storedDue(this.#queue, this.#store)) {
      const { sequence, list, due, order } = message;
      if (sequence <= after) continue;
      places.push({ sequence, list, due, order });
      if (places.length > 2 * PLACES_MAX) places = lowest(places);
    }
    this.#places = lowest(places);
    this.#placesAfter = after;
    this.#placesEnd = this.#places.length < PLACES_MAX ? Number.POSITIVE_INFINITY : (this.#places.at(-1)?.sequence ?? 0);
  }

  /** The place was gathered a while ago: the message may have gone or moved since. */
  #readDue(place: LetterPlace): Letter | undefined {
    if (place.order >= this.#queue.durableOrder) return undefined;
    const value = this.#store.get(keys.dueKey(this.#queue.number, place));
    if (value === undefined) return undefined;
    const { message, record } = unpackDue(place, value);
    const { sequence, publishedAt, attempts } = message;
    return { sequence, publishedAt, attempts, record, place: { due: message } };
  }
}

const lowest = (places: LetterPlace[]): LetterPlace[] => places.sort((a, b) => a.sequence - b.sequence).slice(0, PLACES_MAX);

/** As many of the letters as one commit takes, at least one. */
function cut(letters: readonly Letter[], end: number): Stretch {
  let bytes = 0;
  for (const [index, { record }] of letters.entries()) {
    bytes += record.length;
    if (index === 0 || (index < LETTERS_MAX && bytes <= BYTES_MAX)) continue;
    return { letters: letters.slice(0, index), end: letters[index - 1]?.sequence ?? 0 };
  }
  return { letters, end };
}
