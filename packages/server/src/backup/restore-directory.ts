import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { HoldfastError } from "holdfast-client/protocol";
import { FORMAT_VERSION } from "../core/catalog.js";
import { assertNoFile } from "../engines/level/assert-no-file.js";
import { createLevelStore } from "../engines/level/create-level-store.js";
import { BackupReader } from "./backup-reader.js";
import { restoreBackup } from "./restore-backup.js";

/** What a file system puts into its topmost directory by itself. */
const NOT_OURS: ReadonlySet<string> = new Set(["lost+found"]);

/**
 * Makes the directory of a server from the file of a backup. Nothing is written before the whole file was checked; when
 * that fails on the way, the directory is left as empty as it was.
 */
export async function restoreDirectory(path: string, directory: string): Promise<{ readonly entries: number; readonly at: number }> {
  const reader = new BackupReader(path);
  const { entries, at, storeVersion } = await reader.check();
  if (storeVersion > FORMAT_VERSION) {
    throw new HoldfastError(
      "BAD_REQUEST",
      `the backup is of a store with format version ${storeVersion}, this program reads versions up to ${FORMAT_VERSION}`,
    );
  }
  await assertNoFile(directory);
  const [first] = await contentOf(directory);
  if (first !== undefined) {
    throw new HoldfastError("BAD_REQUEST", `directory ${directory} has ${first}, expected an empty one or no such directory`);
  }
  const store = createLevelStore(directory);
  // What is there when it cannot be opened is another's, who was faster.
  await store.open();
  try {
    await restoreBackup(store, reader.pages(), Math.random).finally(() => store.close());
  } catch (error) {
    for (const name of await contentOf(directory)) await rm(join(directory, name), { recursive: true, force: true });
    throw error;
  }
  return { entries, at };
}

/** What is in the directory, which may be missing. */
async function contentOf(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).filter((name) => !NOT_OURS.has(name));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
