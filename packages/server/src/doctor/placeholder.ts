import { ByteWriter, writePacked } from "holdfast-client/protocol";
import { Block } from "../core/block.js";
import * as keys from "../core/keys.js";
import type { Write } from "../store.js";

/** When messages that stand for lost ones were published; they expired a millisecond later. */
const PUBLISHED_AT = 1;
const NO_TEXTS = new Array<undefined>(6).fill(undefined);

/**
 * A block in place of one of a room that is lost. A room has no holes: whoever comes to these messages finds that they
 * expired, and tells the device a gap.
 */
export function placeholder(room: number, first: number, count: number): { readonly write: Write; readonly bytes: number } {
  const writer = new ByteWriter(64);
  for (let index = 0; index < count; index++) writePacked(writer, "lost", 0, NO_TEXTS, "null", { ttlMs: 1 });
  const records = writer.take();
  const traits = { expires: true, delayed: false, replaces: true };
  const block = Block.pack(room, first, PUBLISHED_AT, 0, count, [records], records.length, traits);
  return { write: { key: keys.blockKey(room, first), value: block.bytes }, bytes: records.length };
}
