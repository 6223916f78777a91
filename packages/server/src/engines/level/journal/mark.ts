import type { Store, Write } from "../../../store.js";
import { damaged } from "./damaged.js";
import { textOf } from "./overlay.js";
import { SECRET_BYTES } from "./record.js";

/** No key of the core begins like this. */
const KEY = Buffer.of(0x00);
/** The mark's key, as an overlay names keys. */
export const MARK_TEXT = textOf(KEY);
const NUMBER_BYTES = 6;

/** What the store below says of its journal: u48 `next`, 8 bytes `secret`. */
export interface Mark {
  /** The number of the first record that may not be in the store below yet. */
  readonly next: number;
  /** What all records of this store have in common, and nobody outside knows. */
  readonly secret: Uint8Array;
}

/** The mark of a store; undefined when it never had a journal. */
export function readMark(store: Store): Mark | undefined {
  const stored = store.get(KEY);
  if (stored === undefined) return undefined;
  const mark = Buffer.from(stored);
  if (mark.length !== NUMBER_BYTES + SECRET_BYTES) {
    throw damaged(`its mark has ${mark.length} bytes, expected ${NUMBER_BYTES + SECRET_BYTES}`);
  }
  return { next: mark.readUIntLE(0, NUMBER_BYTES), secret: mark.subarray(NUMBER_BYTES) };
}

export function writeOfMark({ next, secret }: Mark): Write {
  const value = Buffer.alloc(NUMBER_BYTES + SECRET_BYTES);
  value.writeUIntLE(next, 0, NUMBER_BYTES);
  value.set(secret, NUMBER_BYTES);
  return { key: KEY, value };
}
