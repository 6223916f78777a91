import type { Entry, ReadRange, StoreSnapshot } from "../../../store.js";
import { MARK_TEXT } from "./mark.js";
import { merged } from "./merged.js";
import { lowerBound, textOf } from "./overlay.js";

/** What a journal said at one moment, over a snapshot of the store below it. The journal's own mark is not part of it. */
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
    const [from, to] = [textOf(range.from), textOf(range.to)];
    const texts = this.#texts.slice(lowerBound(this.#texts, from), lowerBound(this.#texts, to));
    if (range.reverse === true) texts.reverse();
    const changes = new Map<string, Uint8Array | undefined>();
    for (const text of texts) changes.set(text, this.#changes.get(text));
    const hides = (key: Uint8Array): boolean => {
      const text = textOf(key);
      return text === MARK_TEXT || this.#changes.has(text);
    };
    return merged(changes, await this.#below.read({ ...range, hides }), range);
  }

  close(): Promise<void> {
    return this.#below.close();
  }
}
