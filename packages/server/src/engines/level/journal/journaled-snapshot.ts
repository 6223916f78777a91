import type { Entry, ReadRange, StoreSnapshot } from "../../../store.js";
import { MARK_TEXT } from "./mark.js";
import { merged } from "./merged.js";
import { isNoteOfSize } from "./noted-sizes.js";
import { lowerBound, textOf } from "./overlay.js";

/** What a journal said at one moment, over a snapshot of the store below it. What the journal has there for itself is not part of it. */
export class JournaledSnapshot implements StoreSnapshot {
  readonly #below: StoreSnapshot;
  readonly #changes: ReadonlyMap<string, Uint8Array | undefined>;
  readonly #texts: readonly string[];

  /** @param changes what the journal has the last word on; undefined where a key is deleted */
  constructor(below: StoreSnapshot, changes: ReadonlyMap<string, Uint8Array | undefined>) {
    this.#below = below;
    this.#changes = changes;
    this.#texts = [...changes.keys()].sort();
  }

  async read(range: ReadRange): Promise<readonly Entry[]> {
    const hides = (key: Uint8Array): boolean => {
      const text = textOf(key);
      return text === MARK_TEXT || isNoteOfSize(text) || this.#changes.has(text);
    };
    return merged(this.#changesIn(range), await this.#below.read({ ...range, hides }), range);
  }

  /** Those that put something, in the order in which they are read, as many as could be wanted at most. */
  #changesIn({ from, to, reverse, entriesMax, bytesMax }: ReadRange): Map<string, Uint8Array> {
    const [first, end] = [lowerBound(this.#texts, textOf(from)), lowerBound(this.#texts, textOf(to))];
    const changes = new Map<string, Uint8Array>();
    for (let step = 0, bytes = 0; step < end - first && changes.size < entriesMax && bytes < bytesMax; step++) {
      const text = this.#texts[reverse === true ? end - 1 - step : first + step] ?? "";
      const value = this.#changes.get(text);
      if (value === undefined) continue;
      changes.set(text, value);
      bytes += text.length + value.length;
    }
    return changes;
  }

  close(): Promise<void> {
    return this.#below.close();
  }
}
