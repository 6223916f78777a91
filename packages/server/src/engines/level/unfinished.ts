import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/** What LevelDB makes before anything can be stored in it. */
const MADE_FIRST = /^(CURRENT|MANIFEST-\d+|\d+\.dbtmp|\d+\.log)$/;
/** What is there from the first commit on, at the latest. */
const MADE_LATER = /^(\d+\.(ldb|sst)|journal-[ab]|blobs-\d+)$/;

/**
 * Removes a LevelDB that was never whole. Power that is lost while one is being made may leave the name of its first
 * manifest and not its content, and LevelDB takes that for damage. Nothing was stored by then: no table is there, every
 * log is empty, and the journal, which comes next, is not there. With any of these nothing is touched.
 *
 * @returns whether there is room for a new one now
 */
export async function removeUnfinished(directory: string): Promise<boolean> {
  const names = await readdir(directory);
  if (names.some((name) => MADE_LATER.test(name))) return false;
  const made = names.filter((name) => MADE_FIRST.test(name)).map((name) => join(directory, name));
  const logs = await Promise.all(made.filter((path) => path.endsWith(".log")).map((path) => stat(path)));
  if (logs.some(({ size }) => size > 0)) return false;
  for (const path of made) await rm(path);
  return true;
}
