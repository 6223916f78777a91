import { HoldfastError } from "holdfast-client/protocol";
import type { ReadRange, Store, Write } from "../../../store.js";
import type { PageBounds } from "../../pages.js";
import { type Change, DELETED, keyOf, type Overlay, textOf } from "./overlay.js";

/** What both files say, the one that is being filled before the other. */
export class Overlays {
  readonly #directory: string;
  /** Of the file that is being filled; undefined while the store is not open. */
  active: Overlay | undefined;
  /** Of the other file, until all of it is in the store below. */
  moving: Overlay | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** The overlay of the file that is being filled. */
  filled(): Overlay {
    if (this.active === undefined) throw new HoldfastError("ENGINE_UNAVAILABLE", `the store in ${this.#directory} is not open`);
    return this.active;
  }

  /** The value of a key by the last word on it, which the store below has where no overlay says anything. */
  get(key: Uint8Array, below: Store): Uint8Array | undefined {
    const latest = this.#latest(textOf(key));
    return latest === undefined ? below.get(key) : currentValue(latest.overlay, latest.change);
  }

  /** The last word on a key, and whose it is; undefined when no overlay says anything of it. */
  #latest(text: string): { readonly overlay: Overlay; readonly change: Change } | undefined {
    for (const overlay of [this.filled(), this.moving]) {
      const change = overlay?.get(text);
      if (overlay !== undefined && change !== undefined) return { overlay, change };
    }
    return undefined;
  }

  /** The keys of a range that the overlays say something of, in order. */
  textsIn(from: Uint8Array, to: Uint8Array): string[] {
    const [first, last] = [textOf(from), textOf(to)];
    return bothOf(this.filled().range(first, last), this.moving?.range(first, last) ?? []);
  }

  /**
   * What the overlays say of the keys of a range, in the order in which they are read, with values up to what is wanted at
   * most. All of it is taken at once: the files may be used anew while the store below is read.
   */
  changesIn({ from, to, reverse, entriesMax, bytesMax }: ReadRange): Map<string, Uint8Array | undefined> {
    const texts = this.textsIn(from, to);
    if (reverse === true) texts.reverse();
    const changes = new Map<string, Uint8Array | undefined>();
    let entries = 0;
    let bytes = 0;
    for (const text of texts) {
      const latest = this.#latest(text);
      if (latest === undefined) continue;
      // Behind the last value that can be wanted it only matters which keys are not read from below.
      const value = entries < entriesMax && bytes < bytesMax ? currentValue(latest.overlay, latest.change) : undefined;
      changes.set(text, value);
      if (value === undefined) continue;
      entries++;
      bytes += text.length + value.length;
    }
    return changes;
  }

  /** All that the overlays say; undefined where a key is deleted. */
  changes(): Map<string, Uint8Array | undefined> {
    const changes = new Map<string, Uint8Array | undefined>();
    for (const overlay of [this.moving, this.filled()]) {
      for (const [text, change] of overlay?.entries() ?? []) changes.set(text, overlay && currentValue(overlay, change));
    }
    return changes;
  }

  /** Deletions of those keys whose last change put something. */
  deletionsOf(texts: readonly string[]): Write[] {
    const deletes: Write[] = [];
    for (const text of texts) {
      const change = this.#latest(text)?.change;
      if (change !== undefined && change.bytes !== DELETED) deletes.push({ key: keyOf(text), value: undefined });
    }
    return deletes;
  }

  /**
   * The last word on keys of which the store below may have an older one.
   *
   * @param at the first of the keys that are looked at; `passed` says how many were
   */
  changesBelow(
    texts: readonly string[],
    at: number,
    { bytesMax, entriesMax }: PageBounds,
  ): { readonly writes: Write[]; readonly passed: number } {
    const writes: Write[] = [];
    let passed = 0;
    for (let bytes = 0; at + passed < texts.length && writes.length < entriesMax && bytes < bytesMax; passed++) {
      const text = texts[at + passed] ?? "";
      const latest = this.#latest(text);
      // What the older one says of a key tells whether the store below has it.
      if (latest === undefined || (this.moving?.get(text) ?? latest.change).fresh) continue;
      const value = currentValue(latest.overlay, latest.change);
      // From now on the store below has the key.
      if (value !== undefined) latest.change.fresh = false;
      writes.push({ key: keyOf(text), value });
      bytes += text.length + (value?.length ?? 0);
    }
    return { writes, passed };
  }
}

/** Undefined for a deletion. */
const currentValue = (overlay: Overlay, change: Change): Uint8Array | undefined =>
  change.bytes === DELETED ? undefined : overlay.value(change);

/** Two lists in order as one, each text once. */
function bothOf(some: string[], others: string[]): string[] {
  if (others.length === 0) return some;
  return some.length === 0 ? others : [...new Set([...some, ...others])].sort();
}
