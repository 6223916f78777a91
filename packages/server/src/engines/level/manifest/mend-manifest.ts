import { rm } from "node:fs/promises";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { cannotOpen } from "../level-store.js";
import { examineManifest } from "./examine-manifest.js";

/** Where LevelDB puts what it has no use for. */
const LOST = "lost";

/**
 * Lets LevelDB make a manifest of the tables and logs that are there, where the one it has cannot be relied on. It leaves out what it
 * cannot read of a log, without a word. `ENGINE_UNAVAILABLE` when another process has the directory. Returns whether it was needed.
 */
export async function mendManifest(directory: string): Promise<boolean> {
  const { damage } = await examineManifest(directory);
  if (damage === undefined) return false;
  await assertFree(directory);
  await ClassicLevel.repair(directory);
  await rm(join(directory, LOST), { recursive: true, force: true });
  return true;
}

/** LevelDB's repair asks for no lock. To open what may neither be there nor be made takes the lock, and looks at nothing else. */
async function assertFree(directory: string): Promise<void> {
  const level = new ClassicLevel(directory, { createIfMissing: false, errorIfExists: true });
  const error: unknown = await level.open().then(
    () => level.close(),
    (cause: unknown) => cause,
  );
  if (error instanceof Error && error.cause instanceof Error && Reflect.get(error.cause, "code") === "LEVEL_LOCKED")
    throw cannotOpen(directory, error);
}
