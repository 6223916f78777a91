import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ifThere } from "../if-there.js";
import { BLOCK_BYTES, begins, goesOn, HEADER_BYTES, partAt } from "./log-parts.js";

const LOG = /^\d+\.log$/;

/**
 * Reads LevelDB's logs, which have what is in no table yet, and says what is damaged; undefined when nothing is.
 *
 * LevelDB leaves out what it cannot read there, goes on behind it, and tells nobody. Each of its writes is synced here before the next
 * one, so power that is lost leaves one record at most that is not whole, the last of the newest log. Anything else was durable.
 */
export async function examineLogs(directory: string): Promise<string | undefined> {
  const names = ((await ifThere(readdir(directory))) ?? []).filter((name) => LOG.test(name));
  names.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  for (const name of names) {
    // One that LevelDB just deleted has nothing that is not in a table.
    const bytes = await ifThere(readFile(join(directory, name)));
    const at = bytes && damageIn(bytes, name === names.at(-1));
    if (at !== undefined) return `${name} is damaged at byte ${at}`;
  }
  return undefined;
}

/** Where a record is that was durable and is not whole; undefined when there is none. */
function damageIn(bytes: Buffer, isNewest: boolean): number | undefined {
  let isWithin = false;
  let recordAt = 0;
  for (let at = 0; at < bytes.length; ) {
    const blockEnd = blockEndOf(at);
    if (blockEnd - at < HEADER_BYTES) {
      at = blockEnd;
      continue;
    }
    const part = partAt(bytes, at, Math.min(blockEnd, bytes.length));
    if (part === undefined || begins(part) === isWithin) return isNewest && !isFollowed(bytes, at) ? undefined : at;
    if (begins(part)) recordAt = at;
    isWithin = goesOn(part);
    at = part.end;
  }
  return isWithin && !isNewest ? recordAt : undefined;
}

const blockEndOf = (at: number): number => (Math.floor(at / BLOCK_BYTES) + 1) * BLOCK_BYTES;

/** Whether a record begins behind what is not whole: in the same block, or in one of those after it. */
function isFollowed(bytes: Buffer, at: number): boolean {
  const blockEnd = Math.min(blockEndOf(at), bytes.length);
  // Its length may be what was damaged, so each place is tried. What a message has may look like a record, but does not end where the block does.
  for (let from = at + 1; from + HEADER_BYTES <= blockEnd; from++) if (isRecordsTo(bytes, from, blockEnd)) return true;
  for (let start = blockEndOf(at); start < bytes.length; start += BLOCK_BYTES) {
    const end = Math.min(start + BLOCK_BYTES, bytes.length);
    // The parts of one that is not whole go on in later blocks, and are no beginning.
    for (let part = partAt(bytes, start, end); part !== undefined; part = partAt(bytes, part.end, end)) if (begins(part)) return true;
  }
  return false;
}

/** Whether there are whole parts from there to the end of the block, or of the file, of which the first begins a record. */
function isRecordsTo(bytes: Buffer, from: number, end: number): boolean {
  const first = partAt(bytes, from, end);
  if (first === undefined || !begins(first)) return false;
  let at = first.end;
  for (let part = partAt(bytes, at, end); part !== undefined; part = partAt(bytes, at, end)) at = part.end;
  return end - at < HEADER_BYTES;
}
