import type { Entry, ReadRange } from "../../../store.js";
import { keyOf, textOf } from "./overlay.js";

/** What was changed together with what is stored, which are different keys, in order and up to what is wanted. */
export function merged(changes: ReadonlyMap<string, Uint8Array | undefined>, stored: readonly Entry[], range: ReadRange): Entry[] {
  const { reverse = false, entriesMax, bytesMax } = range;
  const entries: Entry[] = [];
  let bytes = 0;
  let storedAt = 0;
  const add = (entry: Entry): void => {
    entries.push(entry);
    bytes += entry[0].length + entry[1].length;
  };
  const isFull = (): boolean => entries.length >= entriesMax || bytes >= bytesMax;
  for (const [text, value] of changes) {
    if (value === undefined) continue;
    for (let next = stored[storedAt]; next !== undefined && !isFull(); next = stored[++storedAt]) {
      if (textOf(next[0]) < text === reverse) break;
      add(next);
    }
    if (isFull()) return entries;
    add([keyOf(text), value]);
  }
  while (storedAt < stored.length && !isFull()) add(stored[storedAt++] as Entry);
  return entries;
}
