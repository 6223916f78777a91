import { mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";

const TMPFS_MAGIC = 0x0102_1994;

/** A new directory for a store on a real disk; refuses a file system in memory, where a sync costs nothing. */
export function makeDirectory(parent: string): { path: string; fileSystem: string } {
  if (statfsSync(parent).type === TMPFS_MAGIC) {
    throw new Error(`${parent} is a tmpfs, expected a directory on a disk: choose one with --directory`);
  }
  return { path: mkdtempSync(join(parent, "holdfast-bench-")), fileSystem: fileSystemOf(parent) };
}

export const removeDirectory = (path: string): void => rmSync(path, { recursive: true, force: true });

/** The type of the mount that holds a path. */
function fileSystemOf(path: string): string {
  const target = resolve(path);
  let best = { point: "", type: "unknown" };
  for (const line of readFileSync("/proc/mounts", "utf8").split("\n")) {
    const [, point = "", type = ""] = line.split(" ");
    const holds = target === point || target.startsWith(point.endsWith("/") ? point : `${point}/`);
    if (holds && point.length >= best.point.length) best = { point, type };
  }
  return best.type;
}

/** A file of the store that only keeps room free. */
const RESERVE_FILE = "reserve";
/** Files that grow to their size once and are written over from then on. */
const JOURNAL_FILES = /^journal-[ab]$/;

/** Bytes of the files in a directory. A file that goes meanwhile counts nothing. */
export const directoryBytes = (path: string): number => bytesOf(path, readdirSync(path));

/** The same without the journal, and without what the store keeps free for the day that the disk is full. */
export const storedBytes = (path: string): number =>
  bytesOf(
    path,
    readdirSync(path).filter((name) => name !== RESERVE_FILE && !JOURNAL_FILES.test(name)),
  );

/** Of the journal, however much of it is in use. */
export const journalBytes = (path: string): number =>
  bytesOf(
    path,
    readdirSync(path).filter((name) => JOURNAL_FILES.test(name)),
  );

function bytesOf(path: string, names: readonly string[]): number {
  let bytes = 0;
  for (const name of names) {
    try {
      bytes += statSync(join(path, name)).size;
    } catch {
      // LevelDB deletes files whenever it likes.
    }
  }
  return bytes;
}
