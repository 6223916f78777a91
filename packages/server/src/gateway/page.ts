import { BUFFERS_MAX } from "holdfast-client/protocol";
import type { Page } from "../engine.js";

/** Things that are read at a time, and bytes that one reply has at most (but always one thing). */
const CHUNK = 16;
const PAGE_BYTES_MAX = 1_048_576;

/** A thing as a reply shows it, and what it takes there. */
export interface Shown<Item, Cursor> {
  readonly item: Item;
  readonly cursor: Cursor;
  readonly bytes: number;
  readonly buffers: number;
}

/**
 * Reads a page in small steps, so that many large messages are never in memory for one reply. After `readsMax` of them it
 * ends with what was found, for lists of which some, or all, is passed over.
 */
export async function fillPage<Found, Item, Cursor>(
  first: Cursor,
  limit: number,
  read: (after: Cursor, limit: number) => Promise<Page<Found, Cursor>>,
  show: (found: Found) => Shown<Item, Cursor>,
  readsMax = Number.POSITIVE_INFINITY,
): Promise<Page<Item, Cursor>> {
  const items: Item[] = [];
  let bytes = 0;
  let buffers = 0;
  for (let [after, reads] = [first, 1]; ; reads++) {
    const page = await read(after, Math.min(CHUNK, limit - items.length));
    for (const found of page.items) {
      const shown = show(found);
      const fits = bytes + shown.bytes <= PAGE_BYTES_MAX && buffers + shown.buffers <= BUFFERS_MAX;
      if (items.length > 0 && !fits) return { items, next: after };
      bytes += shown.bytes;
      buffers += shown.buffers;
      after = shown.cursor;
      items.push(shown.item);
    }
    if (page.next === undefined) return { items };
    after = page.next;
    if (items.length >= limit || reads >= readsMax) return { items, next: after };
  }
}
