import { HoldfastError } from "holdfast-client/protocol";
import { newMark, readMark } from "../engines/level/journal/mark.js";
import { NotedSizes } from "../engines/level/journal/noted-sizes.js";
import { openFiles, openThere } from "../engines/level/journal/open-files.js";
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
    // Of a store that never had one a file may be missing that was to be created.
    const files = mark === undefined ? openThere(directory) : await openFiles({ directory, fileBytes: undefined, create: false });
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
    // What cannot be read (permissions, no descriptor left) is not damaged.
    if (!(error instanceof HoldfastError)) throw error;
    return { changes: new Map(), records, damage: error.message };
  }
}
