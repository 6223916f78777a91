import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { ifThere } from "./if-there.js";

/** What LevelDB makes before anything can be stored in it. */
const MADE_FIRST = /^(CURRENT|MANIFEST-\d+|\d+\.dbtmp|\d+\.log)$/;
/** What is there from the first commit on, at the latest. */
const MADE_LATER = /^(\d+\.(ldb|sst)|journal-[ab]|blobs-\d+)$/;

const LOG = /^\d+\.log$/;

/** Whether a directory has nothing yet that somebody stored: no table, no log that is not empty, and no journal, which comes next. */
export async function isUnfinished(directory: string): Promise<boolean> {
  const names = await readdir(directory);
  if (names.some((name) => MADE_LATER.test(name))) return false;
  const logs = await Promise.all(names.filter((name) => LOG.test(name)).map((name) => ifThere(stat(join(directory, name)))));
  return logs.every((log) => log === undefined || log.size === 0);
}

/**
 * Removes a LevelDB that was never whole. Power that is lost while one is being made may leave the name of its first
 * manifest and not its content, and LevelDB takes that for damage. Where anything was stored nothing is touched.
 *
 * @returns whether there is room for a new one now
 */
export async function removeUnfinished(directory: string): Promise<boolean> {
  if (!(await isUnfinished(directory))) return false;
  const made = (await readdir(directory)).filter((name) => MADE_FIRST.test(name));
  for (const name of made) await rm(join(directory, name));
  return true;
}
