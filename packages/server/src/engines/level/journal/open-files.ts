import { existsSync } from "node:fs";
import { join } from "node:path";
import { syncDirectory } from "../../../sync-directory.js";
import { partOfDisk } from "../part-of-disk.js";
import { damaged } from "./damaged.js";
import { DiskJournalFile, type JournalFile, type JournalFileOptions } from "./journal-file.js";

/** Each of the two files; of a small disk only a part. */
const FILE_BYTES = 16 * 1024 * 1024;

export const FILE_NAMES = ["journal-a", "journal-b"] as const;

/** The two files that take turns. */
export type JournalFiles = readonly [JournalFile, JournalFile];

export interface OpenFilesOptions {
  readonly directory: string;
  /** Of each file; by default what suits the disk. */
  readonly fileBytes: number | undefined;
  /** The files may be missing, and are created then. */
  readonly create: boolean;
}

/** Opens those of the files that are there, to read them. */
export const openThere = (directory: string): JournalFile[] =>
  FILE_NAMES.map((name) => join(directory, name))
    .filter((path) => existsSync(path))
    .map((path) => new DiskJournalFile({ path, bytesMax: 0, create: false }));

/** Opens the files of a journal; resolves once their names survive power loss. */
export async function openFiles({ directory, fileBytes, create }: OpenFilesOptions): Promise<JournalFiles> {
  const bytesMax = fileBytes ?? (await partOfDisk(directory, FILE_BYTES));
  const openFile = (name: string): JournalFile => openOne({ path: join(directory, name), bytesMax, create });
  const first = openFile(FILE_NAMES[0]);
  let second: JournalFile | undefined;
  try {
    second = openFile(FILE_NAMES[1]);
    await syncDirectory(directory);
    return [first, second];
  } catch (error) {
    first.close();
    second?.close();
    throw error;
  }
}

function openOne(options: JournalFileOptions): JournalFile {
  try {
    return new DiskJournalFile(options);
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw isMissing ? damaged(`${options.path} is missing`) : error;
  }
}
