/** Entries that room is made for at first. */
const CAPACITY_MIN = 8;

const NOTHING: readonly never[] = [];

/** A golden ratio of 2^32: neighbours, and multiples of a power of two, come to lie apart. */
const MULTIPLIER = 0x9e37_79b1;

/**
 * Objects by number, in the order in which they came: what a `Map` is, for objects that come and go all the time.
 *
 * A `Map` gets a new table whenever half of the old one was deleted, and the old table still points at what was in it then,
 * and at the new one. Once such a table is in V8's old generation the scavenger takes all that it points at for alive, the
 * next tables too, so nothing that was ever in the map goes before a full collection. Here the room is used anew instead:
 * nothing points at what was deleted.
 */
export class NumberedMap<Value extends object> {
  #size = 0;
  /** Entries in order; a deleted one is a gap until room is made. */
  #keys: number[] = [];
  #values: (Value | undefined)[] = [];
  /** Before this there are only gaps. */
  #first = 0;
  #end = 0;
  /** Twice as many places as entries: an entry's number plus 1 where its key hashes to, or in the next free place; else 0. */
  #places: number[] = [];
  /** Bits of a hash that do not matter. */
  #shift = 32;

  get size(): number {
    return this.#size;
  }

  get(key: number): Value | undefined {
    const at = this.#find(key);
    return at < 0 ? undefined : this.#values[at];
  }

  has(key: number): boolean {
    return this.#find(key) >= 0;
  }

  /** A key that is there keeps its place in the order. */
  set(key: number, value: Value): void {
    const known = this.#find(key);
    if (known >= 0) {
      this.#values[known] = value;
      return;
    }
    if (this.#end === this.#values.length) this.#makeRoom();
    this.#keys[this.#end] = key;
    this.#values[this.#end] = value;
    this.#place(key, this.#end);
    this.#end++;
    this.#size++;
  }

  /** Whether it was there. */
  delete(key: number): boolean {
    const at = this.#find(key);
    if (at < 0) return false;
    this.#values[at] = undefined;
    this.#size--;
    this.#skipGaps();
    return true;
  }

  clear(): void {
    this.#values.fill(undefined, this.#first, this.#end);
    this.#places.fill(0);
    this.#size = this.#first = this.#end = 0;
  }

  /** The oldest one. */
  get first(): Value | undefined {
    return this.#values[this.#first];
  }

  /** In order. Those that are deleted meanwhile are left out; none may be added meanwhile. */
  *values(): IterableIterator<Value> {
    const end = this.#end;
    for (let at = this.#first; at < end; at++) {
      const value = this.#values[at];
      if (value !== undefined) yield value;
    }
  }

  /** As `values`. */
  *keys(): IterableIterator<number> {
    const end = this.#end;
    for (let at = this.#first; at < end; at++) if (this.#values[at] !== undefined) yield this.#keys[at] ?? 0;
  }

  /** Takes all of them out. */
  takeAll(): readonly Value[] {
    if (this.#size === 0) return NOTHING;
    // Most often there is one.
    const all: Value[] = new Array(this.#size);
    let taken = 0;
    for (let at = this.#first; at < this.#end; at++) {
      const value = this.#values[at];
      if (value !== undefined) all[taken++] = value;
    }
    this.clear();
    return all;
  }

  #find(key: number): number {
    const mask = this.#places.length - 1;
    for (let place = this.#hash(key); ; place = (place + 1) & mask) {
      const at = (this.#places[place] ?? 0) - 1;
      if (at < 0 || (this.#keys[at] === key && this.#values[at] !== undefined)) return at;
    }
  }

  #place(key: number, at: number): void {
    const mask = this.#places.length - 1;
    let place = this.#hash(key);
    while ((this.#places[place] ?? 0) > 0) place = (place + 1) & mask;
    this.#places[place] = at + 1;
  }

  #hash(key: number): number {
    return Math.imul(key, MULTIPLIER) >>> this.#shift;
  }

  #skipGaps(): void {
    while (this.#first < this.#end && this.#values[this.#first] === undefined) this.#first++;
  }

  /** Closes the gaps: in place, unless few or many are left. */
  #makeRoom(): void {
    const room = this.#values.length;
    let wanted = room;
    if (this.#size * 2 >= room) wanted = room * 2;
    else if (this.#size * 8 < room) wanted = room / 2;
    wanted = Math.max(CAPACITY_MIN, wanted);
    if (wanted === room) this.#refill(this.#keys, this.#values);
    else this.#resize(wanted);
  }

  #resize(room: number): void {
    const [keys, values] = [this.#keys, this.#values];
    this.#keys = new Array<number>(room).fill(0);
    this.#values = new Array<Value | undefined>(room).fill(undefined);
    this.#places = new Array<number>(room * 2).fill(0);
    this.#shift = Math.clz32(room * 2) + 1;
    this.#refill(keys, values);
    // What is left behind must not keep them alive.
    values.fill(undefined);
  }

  #refill(keys: readonly number[], values: readonly (Value | undefined)[]): void {
    const [first, end] = [this.#first, this.#end];
    this.#places.fill(0);
    this.#first = this.#end = 0;
    for (let at = first; at < end; at++) {
      const value = values[at];
      if (value === undefined) continue;
      const key = keys[at] ?? 0;
      this.#keys[this.#end] = key;
      this.#values[this.#end] = value;
      this.#place(key, this.#end);
      this.#end++;
    }
    this.#values.fill(undefined, this.#end);
  }
}
