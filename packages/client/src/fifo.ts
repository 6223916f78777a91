/** First in, first out. Taking from the front moves nothing. */
export class Fifo<Item extends object> {
  #items: Item[] = [];
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
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#head++;
    // What was taken is let go in strides, so that an item is moved about once.
    if (this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Takes out `item` and the ones behind it, `count` in all; empty when it is not here. */
  remove(item: Item, count: number): Item[] {
    const at = this.#items.indexOf(item, this.#head);
    return at < 0 ? [] : this.#items.splice(at, count);
  }

  /** Takes out everything. */
  clear(): Item[] {
    const items = this.#items.slice(this.#head);
    this.#items = [];
    this.#head = 0;
    return items;
  }
}
