import { createHash } from "node:crypto";
import { HAS_EVENT, HAS_KEY, type RecordView } from "holdfast-client/protocol";
import { NEVER } from "./timing.js";

/** Ids a queue remembers at most: DESIGN.md, "Defaults". */
const IDS_MAX = 1_000_000;

/** Bytes of an entry: 16 of the id's hash, 8 of the content's hash, 6 of the sequence. */
const ENTRY_BYTES = 30;
const ID_BYTES = 16;
const CONTENT_BYTES = 8;

/** What is kept of a message with a chosen id: hashes long enough that no two ids meet by chance. */
export interface IdEntry {
  /** The id's hash, as text of one character per byte. */
  readonly id: string;
  readonly content: string;
  readonly sequence: number;
  readonly storedAt: number;
}

/** The hash under which an id is remembered. */
export const hashId = (id: string): string => createHash("sha256").update(id, "utf8").digest().toString("latin1", 0, ID_BYTES);

/** The entry of a record, before it has a sequence. Body, event and key make its content (promise P4). */
export function hashRecord(record: RecordView): { id: string; content: string } {
  const event = record.fieldBytes(HAS_EVENT);
  const key = record.fieldBytes(HAS_KEY);
  const lengths = Buffer.allocUnsafe(9);
  lengths.writeUInt32LE(event.length, 0);
  lengths.writeUInt32LE(key.length, 4);
  lengths[8] = record.format;
  const content = createHash("sha256").update(lengths).update(event).update(key).update(record.bodyBytes).digest();
  return { id: hashId(record.id), content: content.toString("latin1", 0, CONTENT_BYTES) };
}

/**
 * The ids that applications chose, remembered for the dedup window: on disk one value per commit, in memory a map of
 * hashes, oldest first. Bounded: past `IDS_MAX` new ids are refused, and none is forgotten early.
 */
export class IdIndex {
  /** By id hash, in the order they were stored. */
  readonly #entries = new Map<string, IdEntry>();
  /** Commits with entries on disk, oldest first, with the time of the newest entry in each. */
  readonly #commits: { commit: number; storedAt: number }[] = [];
  #staged: IdEntry[] = [];

  hasRoomFor(ids: number): boolean {
    return this.#entries.size + ids <= IDS_MAX;
  }

  /** Neither memory nor the store has any. */
  get isEmpty(): boolean {
    return this.#entries.size === 0 && this.#commits.length === 0 && this.#staged.length === 0;
  }

  get size(): number {
    return this.#entries.size;
  }

  find(id: string, now: number, windowMs: number): IdEntry | undefined {
    const entry = this.#entries.get(id);
    return entry !== undefined && entry.storedAt + windowMs > now ? entry : undefined;
  }

  add(entry: IdEntry): void {
    this.#entries.delete(entry.id);
    this.#entries.set(entry.id, entry);
    this.#staged.push(entry);
  }

  /** The value to store with this commit; undefined when no id came with it. */
  seal(commit: number): Buffer | undefined {
    const staged = this.#staged;
    const last = staged.at(-1);
    if (last === undefined) return undefined;
    this.#staged = [];
    this.#commits.push({ commit, storedAt: last.storedAt });
    const value = Buffer.allocUnsafe(7 + staged.length * ENTRY_BYTES);
    value[0] = 1;
    value.writeUIntLE(last.storedAt, 1, 6);
    let at = 7;
    for (const entry of staged) {
      value.write(entry.id, at, "latin1");
      value.write(entry.content, at + ID_BYTES, "latin1");
      value.writeUIntLE(entry.sequence, at + ID_BYTES + CONTENT_BYTES, 6);
      at += ENTRY_BYTES;
    }
    return value;
  }

  /** Takes a stored value back; commits come in order. Of one that is over there is only left to delete it. */
  restore(commit: number, stored: Uint8Array, now: number, windowMs: number): void {
    const value = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
    const storedAt = value.readUIntLE(1, 6);
    this.#commits.push({ commit, storedAt });
    if (storedAt + windowMs <= now) return;
    for (let at = 7; at + ENTRY_BYTES <= value.length; at += ENTRY_BYTES) {
      const id = value.toString("latin1", at, at + ID_BYTES);
      const content = value.toString("latin1", at + ID_BYTES, at + ID_BYTES + CONTENT_BYTES);
      this.#entries.delete(id);
      this.#entries.set(id, { id, content, sequence: value.readUIntLE(at + ID_BYTES + CONTENT_BYTES, 6), storedAt });
    }
  }

  /**
   * When there is something to forget, if nothing is added meanwhile: the newest as a rule, and with it all; {@link NEVER} when there is
   * nothing. The first one is over by then also where the clock was set back.
   */
  overAt(windowMs: number): number {
    const [first] = this.#commits;
    return first === undefined ? NEVER : Math.max(first.storedAt, this.#commits.at(-1)?.storedAt ?? 0) + windowMs;
  }

  /** Forgets what is older than the window, and returns the commits whose values are to be deleted: at most `commitsMax`. */
  expire(now: number, windowMs: number, commitsMax: number): number[] {
    let old = 0;
    while (old < commitsMax && (this.#commits[old]?.storedAt ?? NEVER) + windowMs <= now) old++;
    if (old === 0) return NONE;
    const expired = this.#commits.splice(0, old);
    const through = Math.max(...expired.map(({ storedAt }) => storedAt));
    for (const entry of this.#entries.values()) {
      if (entry.storedAt > through) break;
      this.#entries.delete(entry.id);
    }
    return expired.map(({ commit }) => commit);
  }
}

const NONE: number[] = [];
