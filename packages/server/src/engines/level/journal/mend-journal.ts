import type { Store, Write } from "../../../store.js";
import type { JournalFile } from "./journal-file.js";
import { type Mark, newMark, readMark, writeOfMark } from "./mark.js";
import { NotedSizes } from "./noted-sizes.js";
import { openFiles } from "./open-files.js";
import { firstRecordOf, wholeRecordsOf } from "./recover.js";

/** What is written to the store below at once. */
const WRITTEN_BYTES = 1024 * 1024;

/**
 * Writes every record of a damaged journal that is whole to the store below, in order, as if no others had been between them, and
 * begins the journal anew. Done once more it comes to the same.
 *
 * @param base is open, and no journal before it
 */
export async function mendJournal(base: Store, directory: string): Promise<void> {
  // A file that is missing has nothing any more.
  const files = await openFiles({ directory, fileBytes: undefined, create: true });
  try {
    const mark = readableMark(base) ?? markOf(files);
    const records = files.flatMap((file) => [...wholeRecordsOf(file, mark)]).sort((a, b) => a.number - b.number);
    let [writes, bytes]: [Write[], number] = [[], 0];
    for (const record of records) {
      writes.push(...record.writes);
      bytes += record.bytes;
      if (bytes < WRITTEN_BYTES) continue;
      await base.write(writes);
      [writes, bytes] = [[], 0];
    }
    const next = Math.max(mark.next, mark.end, (records.at(-1)?.number ?? 0) + 1);
    for (const file of files) await file.sync();
    await base.write([...writes, writeOfMark({ next, secret: mark.secret, end: next }), ...NotedSizes.writesOf(files)]);
  } finally {
    for (const file of files) file.close();
  }
}

function readableMark(base: Store): Mark | undefined {
  try {
    return readMark(base);
  } catch {
    return undefined;
  }
}

/** Where the store below lost the mark: all that is in the files with the secret of the later one's first record, which no message can be. */
function markOf(files: readonly JournalFile[]): Mark {
  const first = files.flatMap((file) => firstRecordOf(file) ?? []).sort((a, b) => b.number - a.number)[0];
  return first === undefined ? newMark() : { next: 0, secret: first.secret, end: 0 };
}
