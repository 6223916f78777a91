const CAPACITY_MIN = 16;
/** A larger ring is let go when it is empty. */
const CAPACITY_KEPT_MAX = 16_384;

/** First in, first out, in a ring: pushing and taking move nothing and leave nothing behind. */
export class Fifo<Item extends object> {
  /** Its length is a power of two. */
  #ring: (Item | undefined)[] = new Array(CAPACITY_MIN);
  #head = 0;
  length = 0;

  /** The item `index` places behind the first. */
  at(index: number): Item | undefined {
    return index < 0 || index >= this.length ? undefined : this.#ring[(this.#head + index) & (this.#ring.length - 1)];
  }

  push(item: Item): void {
    const capacity = this.#ring.length;
    if (this.length === capacity) {
      const items = this.clear();
      this.#ring = new Array(capacity * 2);
      for (const each of items) this.push(each);
    }
    this.#ring[(this.#head + this.length++) & (this.#ring.length - 1)] = item;
  }

  shift(): Item | undefined {
    const item = this.at(0);
    if (item === undefined) return undefined;
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    if (--this.length === 0 && this.#ring.length > CAPACITY_KEPT_MAX) this.#ring = new Array(CAPACITY_MIN);
    return item;
  }

  /** Takes out `item` and the ones behind it, `count` in all; empty when it is not here. */
  remove(item: Item, count: number): Item[] {
    const items = this.clear();
    const at = items.indexOf(item);
    const removed = at < 0 ? [] : items.splice(at, count);
    for (const each of items) this.push(each);
    return removed;
  }

  /** Takes out everything. */
  clear(): Item[] {
    const items: Item[] = [];
    for (let item = this.shift(); item !== undefined; item = this.shift()) items.push(item);
    return items;
  }
}
