import { rm } from "node:fs/promises";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { cannotOpen, isLocked, LEVEL_OPTIONS } from "../level-store.js";
import { mendTables } from "../tables/mend-tables.js";
import { examineManifest, sizesOf } from "./examine-manifest.js";

/** All keys. */
const EVERYTHING = [Buffer.alloc(1, 0x00), Buffer.alloc(16, 0xff)] as const;
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
  // LevelDB looks at no CRC of a table as it reads it.
  const tables = [...(await sizesOf(directory))].filter(([name]) => !name.endsWith(".log"));
  await mendTables(directory, new Map(tables));
  await ClassicLevel.repair(directory);
  await rm(join(directory, LOST), { recursive: true, force: true });
  await unpack(directory);
  return true;
}

/** The tables that repair makes are packed, so that nobody sees when they are damaged: they are written anew. */
async function unpack(directory: string): Promise<void> {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(directory, LEVEL_OPTIONS);
  await level.open();
  try {
    await level.compactRange(...EVERYTHING);
  } finally {
    await level.close();
  }
}

/** LevelDB's repair asks for no lock. To open what may neither be there nor be made takes the lock, and looks at nothing else. */
async function assertFree(directory: string): Promise<void> {
  const level = new ClassicLevel(directory, { createIfMissing: false, errorIfExists: true });
  const error: unknown = await level.open().then(
    () => level.close(),
    (cause: unknown) => cause,
  );
  if (isLocked(error)) throw cannotOpen(directory, error);
}
