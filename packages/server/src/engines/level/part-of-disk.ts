import { statfs } from "node:fs/promises";

const MIB = 1024 * 1024;

/** What the files of a store may grow to at least. */
const BYTES_MIN = MIB;
/** Of a small disk each takes only this part. */
const DISK_PART = 1 / 32;

/** How many bytes a file may have in a directory: `bytesMax`, or less on a small disk, but at least 1 MiB. */
export async function partOfDisk(directory: string, bytesMax: number): Promise<number> {
  const { blocks, bsize } = await statfs(directory);
  return Math.max(BYTES_MIN, Math.min(bytesMax, Math.floor(blocks * bsize * DISK_PART)));
}
