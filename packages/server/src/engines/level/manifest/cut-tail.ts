import { open } from "node:fs/promises";
import { examineManifest, type ManifestTail } from "./examine-manifest.js";

/**
 * Cuts off what a manifest has after its last record that counts, so that LevelDB opens without it.
 *
 * @param tail as it was found before LevelDB refused the directory, which it had for itself by then. If it is not found
 *   again the same, somebody else has opened the directory since, and nothing is done.
 * @returns whether it was cut
 */
export async function cutTail(directory: string, tail: ManifestTail): Promise<boolean> {
  const { tail: found } = await examineManifest(directory);
  if (found?.path !== tail.path || found.end !== tail.end) return false;
  const file = await open(tail.path, "r+");
  try {
    await file.truncate(tail.end);
    await file.sync();
  } finally {
    await file.close();
  }
  return true;
}
