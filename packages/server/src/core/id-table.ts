/** Of an entry: 16 bytes of the id's hash, 8 of the content's, 6 of the sequence, which are also what is stored, and 6 of its time. */
export const ID_BYTES = 16;
export const CONTENT_BYTES = 8;
export const STORED_BYTES = ID_BYTES + CONTENT_BYTES + 6;
const SEQUENCE_AT = ID_BYTES + CONTENT_BYTES;
const ENTRY_BYTES = STORED_BYTES + 6;

const CAPACITY_MIN = 16;
/** Slots of the table for each entry that there is room for. */
const SLOTS_PER_ENTRY = 2;
/** With so few for its room it gets smaller. */
const SPARSE = 1 / 8;

const NO_SLOTS = new Uint32Array(0);

/**
 * Hashes of ids in the order in which they came, oldest first, found by hash: a ring of bytes, and a table of places in it by open addressing.
 * Of a million ids it takes 50 MB, where a `Map` of objects takes 200, and it leaves nothing for the garbage collector.
 */
export class IdTable {
  /** What hashes begin with: who chooses ids can choose their SHA-256, but cannot tell which of them meet in one slot. */
  readonly #seed: number;
  #ring = Buffer.alloc(0);
  /** A power of two, or 0. */
  #capacity = 0;
  /** One more than an entry's place in the ring; 0: free. */
  #slots = NO_SLOTS;
  /** Entries that ever came before the first one that is there, and before the next one to come. */
  #first = 0;
  #next = 0;
  /** No entry was stored after this time. */
  #latest = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  get size(): number {
    return this.#next - this.#first;
  }

  /** Where the newest entry with that id lies; undefined when there is none. Until the next `add` or `dropThrough`. */
  find(id: Uint8Array): number | undefined {
    if (this.#capacity === 0) return undefined;
    const place = (this.#slots[this.#slotOf(id, 0)] ?? 0) - 1;
    return place < 0 ? undefined : place;
  }

  sequenceAt(place: number): number {
    return this.#ring.readUIntLE(place * ENTRY_BYTES + SEQUENCE_AT, 6);
  }

  storedAt(place: number): number {
    return this.#ring.readUIntLE(place * ENTRY_BYTES + STORED_BYTES, 6);
  }

  hasContent(place: number, content: Uint8Array): boolean {
    const at = place * ENTRY_BYTES + ID_BYTES;
    return this.#ring.compare(content, 0, CONTENT_BYTES, at, at + CONTENT_BYTES) === 0;
  }

  /** Adds the newest entry. One with the same id is found no more, and goes in its turn. */
  add(id: Uint8Array, content: Uint8Array, sequence: number, storedAt: number): void {
    const at = this.#room() * ENTRY_BYTES;
    this.#ring.set(id.subarray(0, ID_BYTES), at);
    this.#ring.set(content.subarray(0, CONTENT_BYTES), at + ID_BYTES);
    this.#ring.writeUIntLE(sequence, at + SEQUENCE_AT, 6);
    this.#end(at, storedAt);
  }

  /** As `add`, of bytes as they were stored. */
  restore(stored: Uint8Array, storedAt: number): void {
    const at = this.#room() * ENTRY_BYTES;
    this.#ring.set(stored, at);
    this.#end(at, storedAt);
  }

  #room(): number {
    if (this.size === this.#capacity) this.#resize(Math.max(CAPACITY_MIN, this.#capacity * 2));
    return this.#next % this.#capacity;
  }

  #end(at: number, storedAt: number): void {
    this.#ring.writeUIntLE(storedAt, at + STORED_BYTES, 6);
    this.#next++;
    this.#latest = Math.max(this.#latest, storedAt);
    this.#slots[this.#slotOf(this.#ring, at)] = at / ENTRY_BYTES + 1;
  }

  /** Writes what is to be stored of the newest entries, from `at` on. */
  writeNewest(count: number, target: Buffer, at: number): void {
    for (let number = this.#next - count, to = at; number < this.#next; number++, to += STORED_BYTES) {
      const start = (number % this.#capacity) * ENTRY_BYTES;
      this.#ring.copy(target, to, start, start + STORED_BYTES);
    }
  }

  /** Forgets the oldest entries up to the first that was stored after that time: all at once, or so many at most. */
  dropThrough(time: number, entriesMax: number): void {
    if (this.#latest <= time) this.#first = this.#next;
    for (let left = entriesMax; left > 0 && this.size > 0; left--) {
      const place = this.#first % this.#capacity;
      if (this.storedAt(place) > time) break;
      this.#unlink(place);
      this.#first++;
    }
    if (this.size === 0) this.#resize(0);
    else if (this.size < this.#capacity * SPARSE && this.#capacity > CAPACITY_MIN) this.#resize(this.#capacity / 2);
  }

  /** The slot of an id: where it is, or the free one where it would be. */
  #slotOf(bytes: Uint8Array, at: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = this.#hash(bytes, at) & mask; ; slot = (slot + 1) & mask) {
      const place = (this.#slots[slot] ?? 0) - 1;
      if (place < 0 || isSame(this.#ring, place * ENTRY_BYTES, bytes, at)) return slot;
    }
  }

  #hash(bytes: Uint8Array, at: number): number {
    let hash = this.#seed;
    for (let byte = at; byte < at + 8; byte++) {
      hash = Math.imul(hash ^ (bytes[byte] ?? 0), 0x5bd1_e995);
      hash ^= hash >>> 15;
    }
    return hash;
  }

  /** Frees its slot, unless a newer entry has it, and closes the gap: what follows may have been put there because it was taken. */
  #unlink(place: number): void {
    const mask = this.#slots.length - 1;
    let free = this.#slotOf(this.#ring, place * ENTRY_BYTES);
    if (this.#slots[free] !== place + 1) return;
    for (let slot = (free + 1) & mask; ; slot = (slot + 1) & mask) {
      const follower = this.#slots[slot] ?? 0;
      if (follower === 0) break;
      const home = this.#hash(this.#ring, (follower - 1) * ENTRY_BYTES) & mask;
      if (((slot - home) & mask) < ((slot - free) & mask)) continue;
      this.#slots[free] = follower;
      free = slot;
    }
    this.#slots[free] = 0;
  }

  #resize(capacity: number): void {
    if (capacity === this.#capacity) return;
    const [ring, before] = [this.#ring, this.#capacity];
    this.#ring = Buffer.alloc(capacity * ENTRY_BYTES);
    this.#capacity = capacity;
    this.#slots = capacity === 0 ? NO_SLOTS : new Uint32Array(capacity * SLOTS_PER_ENTRY);
    for (let number = this.#first; number < this.#next; number++) {
      const [from, to] = [(number % before) * ENTRY_BYTES, (number % capacity) * ENTRY_BYTES];
      ring.copy(this.#ring, to, from, from + ENTRY_BYTES);
      this.#slots[this.#slotOf(this.#ring, to)] = to / ENTRY_BYTES + 1;
    }
  }
}

function isSame(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): boolean {
  for (let byte = 0; byte < ID_BYTES; byte++) if (a[aAt + byte] !== b[bAt + byte]) return false;
  return true;
}
