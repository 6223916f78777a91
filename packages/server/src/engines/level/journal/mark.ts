import { randomBytes } from "node:crypto";
import type { Store, Write } from "../../../store.js";
import { damaged } from "./damaged.js";
import { textOf } from "./overlay.js";
import { SECRET_BYTES } from "./record.js";

/** No key of the core begins like this. */
const KEY = Buffer.of(0x00);
/** The mark's key, as an overlay names keys. */
export const MARK_TEXT = textOf(KEY);
const NUMBER_BYTES = 6;

/** What the store below says of its journal: u48 `next`, 8 bytes `secret`, u48 `end`, which an earlier program left out. */
export interface Mark {
  /** The number of the first record that may not be in the store below yet. */
  readonly next: number;
  /** What all records of this store have in common, and nobody outside knows. */
  readonly secret: Uint8Array;
  /** All records before this number were durable when the mark was written, so one from `next` on that is missing was lost since. */
  readonly end: number;
}

const END_AT = NUMBER_BYTES + SECRET_BYTES;
const MARK_BYTES = END_AT + NUMBER_BYTES;

/** The mark of a store; undefined when it never had a journal. */
export function readMark(store: Store): Mark | undefined {
  const stored = store.get(KEY);
  if (stored === undefined) return undefined;
  const mark = Buffer.from(stored);
  if (mark.length !== MARK_BYTES && mark.length !== END_AT) throw damaged(`its mark has ${mark.length} bytes, expected ${MARK_BYTES}`);
  const next = mark.readUIntLE(0, NUMBER_BYTES);
  const end = mark.length === END_AT ? next : mark.readUIntLE(END_AT, NUMBER_BYTES);
  return { next, secret: mark.subarray(NUMBER_BYTES, END_AT), end };
}

/** The mark of a store that has no record yet. */
export const newMark = (): Mark => ({ next: 1, secret: randomBytes(SECRET_BYTES), end: 1 });

export function writeOfMark({ next, secret, end }: Mark): Write {
  const value = Buffer.alloc(MARK_BYTES);
  value.writeUIntLE(next, 0, NUMBER_BYTES);
  value.set(secret, NUMBER_BYTES);
  value.writeUIntLE(end, END_AT, NUMBER_BYTES);
  return { key: KEY, value };
}
