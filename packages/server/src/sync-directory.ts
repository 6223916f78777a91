import { open } from "node:fs/promises";

/** Resolves once the names in a directory survive power loss: a file that was made, renamed or removed is so only then. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
