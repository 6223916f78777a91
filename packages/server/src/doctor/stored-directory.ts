import { stat } from "node:fs/promises";
import { join } from "node:path";
import { HoldfastError } from "holdfast-client/protocol";
import { assertReadable, createStoreBelow } from "../engines/level/create-level-store.js";
import { ifThere } from "../engines/level/if-there.js";
import { JournaledSnapshot } from "../engines/level/journal/journaled-snapshot.js";
import { isUnfinished } from "../engines/level/unfinished.js";
import type { StoreSnapshot } from "../store.js";
import { readJournal } from "./stored-journal.js";

/** What a directory has, journal included. The journal is read and not moved, so looking changes nothing of what is stored; LevelDB makes tables of its logs when it is opened. */
export interface StoredDirectory {
  readonly snapshot: StoreSnapshot;
  /** Records of the journal that LevelDB may not have. */
  readonly journalRecords: number;
  /** What is wrong with the journal. Then the snapshot has what LevelDB alone says. */
  readonly journalDamage: string | undefined;
  /** What is wrong with the blob files. What they do not have is read as zeros. */
  readonly blobDamage: readonly string[];
  close(): Promise<void>;
}

/** Opens the directory of a stopped server; `ENGINE_UNAVAILABLE` when it runs, `NOT_FOUND` when there is none. */
export async function openStoredDirectory(directory: string): Promise<StoredDirectory> {
  // LevelDB would make a store where there is none.
  const current = await ifThere(stat(join(directory, "CURRENT")));
  const isNone = current === undefined && (await ifThere(isUnfinished(directory))) !== false;
  if (isNone) throw new HoldfastError("NOT_FOUND", `directory ${directory} has no store`);
  const base = createStoreBelow(directory, { tolerant: true });
  await base.open();
  try {
    assertReadable(base);
    const { changes, records, damage } = await readJournal(base, directory);
    const snapshot = new JournaledSnapshot(await base.snapshot(), changes);
    const close = async (): Promise<void> => {
      await snapshot.close();
      await base.close();
    };
    return { snapshot, journalRecords: records, journalDamage: damage, blobDamage: await base.examine(), close };
  } catch (error) {
    await base.close();
    throw error;
  }
}
