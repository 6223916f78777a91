/** So many items may be taken before their places are given back; then it is done whenever they are most of all. */
const TAKEN_MAX = 1_000;

/** First in, first out: pushing and taking move nothing, but for one item each on the average. */
export class Fifo<Item extends object> {
  #items: (Item | undefined)[] = [];
  /** Where the first one is; those before it were taken. */
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  /** The item `index` places behind the first. */
  at(index: number): Item | undefined {
    return index < 0 ? undefined : this.#items[this.#head + index];
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  shift(): Item | undefined {
    const item = this.at(0);
    if (!item) return undefined;
    this.#items[this.#head++] = undefined;
    if (this.#head > TAKEN_MAX && this.#head > this.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Takes out `item` and the ones behind it, `count` in all; empty when it is not here. */
  remove(item: Item, count: number): Item[] {
    const at = this.#items.indexOf(item);
    return at < 0 ? [] : (this.#items.splice(at, count) as Item[]);
  }

  /** Takes out everything. */
  clear(): Item[] {
    return this.#items.splice(this.#head) as Item[];
  }
}
