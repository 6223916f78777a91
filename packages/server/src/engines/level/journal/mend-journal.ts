import type { Store, Write } from "../../../store.js";
import type { JournalFile } from "./journal-file.js";
import { type Mark, newMark, readMark, writeOfMark } from "./mark.js";
import { NotedSizes } from "./noted-sizes.js";
import { openFiles, openThere } from "./open-files.js";
import { ALIGNMENT } from "./record.js";
import { type FoundRecord, firstRecordOf, wholeRecordsOf } from "./recover.js";

/** What is written to the store below at once. */
const WRITTEN_BYTES = 1024 * 1024;

/**
 * Writes every record of a damaged journal that is whole, and that the store below may not have, to that, in order, as if no others
 * had been between them; then the journal begins anew. Broken off in the middle it is done once more, and comes to the same.
 *
 * @param base is open, and no journal before it
 */
export async function mendJournal(base: Store, directory: string): Promise<void> {
  const files = openThere(directory);
  try {
    const mark = readableMark(base) ?? markOf(files);
    const records = recordsLeft(files, mark);
    let [writes, bytes]: [Write[], number] = [[], 0];
    for (const record of records) {
      // What the store below has of a key by now is not known, so none is new to it.
      for (const { key, value } of record.writes) writes.push({ key, value });
      bytes += record.bytes;
      if (bytes < WRITTEN_BYTES) continue;
      await base.write(writes);
      [writes, bytes] = [[], 0];
    }
    const next = Math.max(mark.next, mark.end, (records.at(-1)?.number ?? 0) + 1);
    for (const file of files) await file.sync();
    await base.write([...writes, writeOfMark({ next, secret: mark.secret, end: next }), ...NotedSizes.writesOf(files)]);
    for (const file of files) await clearForeign(file, mark);
  } finally {
    for (const file of files) file.close();
  }
  // Only now: one that is missing shows until then that something was.
  for (const file of await openFiles({ directory, fileBytes: undefined, create: true })) file.close();
}

function readableMark(base: Store): Mark | undefined {
  try {
    return readMark(base);
  } catch {
    return undefined;
  }
}

/** Where the store below lost the mark: that of the later file's first record, which no message can be. */
function markOf(files: readonly JournalFile[]): Mark {
  const first = files.flatMap((file) => firstRecordOf(file) ?? []).sort((a, b) => b.number - a.number)[0];
  return first === undefined ? newMark() : { next: 0, secret: first.secret, end: 0 };
}

/**
 * The records that come after all others, with nothing missing between them but what is damaged: an older one, written once more, would
 * undo what one did that is not there any more.
 */
function recordsLeft(files: readonly JournalFile[], mark: Mark): readonly FoundRecord[] {
  const fillings = files.map((file) => filling(file, mark)).filter(({ length }) => length > 0);
  const [older = [], newer] = fillings.sort(([a], [b]) => (a?.number ?? 0) - (b?.number ?? 0));
  if (newer === undefined) return older;
  const [first, last, next] = [older[0], older.at(-1), newer[0]];
  const isUnmoved = first?.at === 0 && first.number === mark.next;
  const isFollowed = last !== undefined && last.number + 1 === next?.number;
  return isUnmoved || isFollowed ? [...older, ...newer] : newer;
}

/** What a file was filled with last. Behind that may be what is left of the time before. */
function filling(file: JournalFile, mark: Mark): FoundRecord[] {
  const records: FoundRecord[] = [];
  for (const record of wholeRecordsOf(file, mark)) {
    if (record.number <= (records.at(-1)?.number ?? 0)) break;
    records.push(record);
  }
  return records;
}

/** A file of another store has nothing for this one. */
async function clearForeign(file: JournalFile, { secret }: Mark): Promise<void> {
  const first = firstRecordOf(file);
  if (first === undefined || Buffer.compare(first.secret, secret) === 0) return;
  file.write(Buffer.alloc(ALIGNMENT), 0);
  await file.sync();
}
