import { createHash } from "node:crypto";
import { HAS_EVENT, HAS_KEY, type RecordView } from "holdfast-client/protocol";
import { IdTable, STORED_BYTES } from "./id-table.js";
import { NEVER } from "./timing.js";

/** Ids a queue remembers at most: DESIGN.md, "Defaults". */
export const IDS_MAX = 1_000_000;

/** Those that are dropped with one commit, where others stay: the next ones drop the rest. */
const DROPPED_MAX = 20_000;

/** Of a stored value: the version, and the time of its newest entry. */
const HEAD_BYTES = 7;
const VERSION = 1;

/** What is kept of a message with a chosen id: hashes, of which so much that no two ids meet by chance. */
export interface RecordHash {
  readonly id: Buffer;
  readonly content: Buffer;
}

/** The hash under which an id is remembered. */
export const hashId = (id: string): Buffer => createHash("sha256").update(id, "utf8").digest();

/** Body, event and key make the content of a record (promise P4). */
export function hashRecord(record: RecordView): RecordHash {
  const event = record.fieldBytes(HAS_EVENT);
  const key = record.fieldBytes(HAS_KEY);
  const lengths = Buffer.allocUnsafe(9);
  lengths.writeUInt32LE(event.length, 0);
  lengths.writeUInt32LE(key.length, 4);
  lengths[8] = record.format;
  const content = createHash("sha256").update(lengths).update(event).update(key).update(record.bodyBytes).digest();
  return { id: hashId(record.id), content };
}

/**
 * The ids that applications chose, remembered for the dedup window: on disk one value per commit, in memory a table of
 * hashes, oldest first. Bounded: past `IDS_MAX` new ids are refused, and none is forgotten early.
 */
export class IdIndex {
  readonly #table: IdTable;
  /** Commits with entries on disk, oldest first, with the time of the newest entry in each. */
  readonly #commits: { commit: number; storedAt: number }[] = [];
  /** Entries that come with the commit that is being filled, and when the last of them did. */
  #staged = 0;
  #stagedAt = 0;

  /** @param seed of the table: a number that nobody outside knows */
  constructor(seed: number) {
    this.#table = new IdTable(seed);
  }

  hasRoomFor(ids: number, now: number, windowMs: number): boolean {
    if (this.#table.size + ids > IDS_MAX) this.#table.dropThrough(now - windowMs, DROPPED_MAX);
    return this.#table.size + ids <= IDS_MAX;
  }

  /** Neither memory nor the store has any. */
  get isEmpty(): boolean {
    return this.#table.size === 0 && this.#commits.length === 0;
  }

  get size(): number {
    return this.#table.size;
  }

  /** Where the id is known; undefined when it is not, or not any more. */
  #find(id: Buffer, now: number, windowMs: number): number | undefined {
    const place = this.#table.find(id);
    return place !== undefined && this.#table.storedAt(place) + windowMs > now ? place : undefined;
  }

  /** The sequence of the message that has the id; undefined when none is remembered. */
  sequenceOf(id: Buffer, now: number, windowMs: number): number | undefined {
    const place = this.#find(id, now, windowMs);
    return place === undefined ? undefined : this.#table.sequenceAt(place);
  }

  /** The same, and whether that message has the same content. */
  known({ id, content }: RecordHash, now: number, windowMs: number): { readonly sequence: number; readonly isSame: boolean } | undefined {
    const place = this.#find(id, now, windowMs);
    if (place === undefined) return undefined;
    return { sequence: this.#table.sequenceAt(place), isSame: this.#table.hasContent(place, content) };
  }

  add({ id, content }: RecordHash, sequence: number, now: number): void {
    this.#table.add(id, content, sequence, now);
    this.#staged++;
    this.#stagedAt = now;
  }

  /** The value to store with this commit; undefined when no id came with it. */
  seal(commit: number): Buffer | undefined {
    if (this.#staged === 0) return undefined;
    const value = Buffer.allocUnsafe(HEAD_BYTES + this.#staged * STORED_BYTES);
    value[0] = VERSION;
    value.writeUIntLE(this.#stagedAt, 1, 6);
    this.#table.writeNewest(this.#staged, value, HEAD_BYTES);
    this.#commits.push({ commit, storedAt: this.#stagedAt });
    this.#staged = 0;
    return value;
  }

  /** Takes a stored value back; commits come in order. Of one that is over there is only left to delete it. */
  restore(commit: number, stored: Uint8Array, now: number, windowMs: number): void {
    const value = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
    const storedAt = value.readUIntLE(1, 6);
    this.#commits.push({ commit, storedAt });
    if (storedAt + windowMs <= now) return;
    for (let at = HEAD_BYTES; at + STORED_BYTES <= value.length; at += STORED_BYTES) {
      this.#table.restore(value.subarray(at, at + STORED_BYTES), storedAt);
    }
  }

  /**
   * When there is something to forget, if nothing is added meanwhile: the newest as a rule, and with it all; {@link NEVER} when there is
   * nothing. The first one is over by then also where the clock was set back.
   */
  overAt(windowMs: number): number {
    const first = this.#commits[0];
    return first === undefined ? NEVER : Math.max(first.storedAt, this.#commits.at(-1)?.storedAt ?? 0) + windowMs;
  }

  /** Forgets what is older than the window, and returns the commits whose values are to be deleted: at most `commitsMax`. */
  expire(now: number, windowMs: number, commitsMax: number): number[] {
    this.#table.dropThrough(now - windowMs, DROPPED_MAX);
    let old = 0;
    while (old < commitsMax && (this.#commits[old]?.storedAt ?? NEVER) + windowMs <= now) old++;
    if (old === 0) return NONE;
    return this.#commits.splice(0, old).map(({ commit }) => commit);
  }
}

const NONE: number[] = [];
