import { newMark, readMark } from "../engines/level/journal/mark.js";
import { NotedSizes } from "../engines/level/journal/noted-sizes.js";
import { hasFiles, openFiles } from "../engines/level/journal/open-files.js";
import { textOf } from "../engines/level/journal/overlay.js";
import { recordsFrom } from "../engines/level/journal/recover.js";
import type { Store } from "../store.js";

/** What a journal changes in the store below it. */
export interface StoredJournal {
  /** Undefined where a key is deleted. */
  readonly changes: Map<string, Uint8Array | undefined>;
  readonly records: number;
  /** What is wrong with it. Then it changes nothing. */
  readonly damage: string | undefined;
}

/** Reads the journal of a store that is open below it, and moves nothing. */
export async function readJournal(base: Store, directory: string): Promise<StoredJournal> {
  const changes = new Map<string, Uint8Array | undefined>();
  let records = 0;
  try {
    const mark = readMark(base);
    if (mark === undefined && !hasFiles(directory)) return { changes, records, damage: undefined };
    const files = await openFiles({ directory, fileBytes: undefined, create: false });
    try {
      new NotedSizes(base).check(files);
      for (const { record } of recordsFrom(files, mark ?? newMark())) {
        records++;
        for (const { key, value } of record.writes) changes.set(textOf(key), value);
      }
    } finally {
      for (const file of files) file.close();
    }
    return { changes, records, damage: undefined };
  } catch (error) {
    return { changes: new Map(), records, damage: error instanceof Error ? error.message : String(error) };
  }
}
