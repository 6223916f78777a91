import { FORMAT_VERSION } from "../../core/catalog.js";
import { isBlockKey, metaKey } from "../../core/keys.js";
import type { Store } from "../../store.js";
import { assertVersion, parseMeta, type StoredMeta } from "../meta.js";
import { DiskBlobDirectory } from "./blobs/blob-directory.js";
import { BlobStore } from "./blobs/blob-store.js";
import { DiskSpace } from "./disk-space.js";
import { JournaledStore } from "./journal/journaled-store.js";
import { LevelStore } from "./level-store.js";
import { Scavenger } from "./scavenger.js";
import { TablePatrol, type TablePatrolOptions } from "./tables/table-patrol.js";

export interface LevelStoreOptions {
  /** Blocks that are missing in their files are read as zeros, and damaged logs as far as they can be, for whoever looks for what is left. */
  readonly tolerant?: boolean;
  /** Who is told when LevelDB's tables were read in the background; without it they are not. */
  readonly patrol?: Omit<TablePatrolOptions, "directory">;
}

/** The store of the embedded engine: LevelDB in a directory, with files for large values beside it and a journal before it. */
export function createLevelStore(directory: string, options: LevelStoreOptions = {}): Store {
  const scavenger = new Scavenger();
  const base = createStoreBelow(directory, options, scavenger);
  return new JournaledStore({ base, directory, assertReadable, passed: (bytes) => scavenger.passed(bytes) });
}

/** What is below the journal. */
export function createStoreBelow(directory: string, options: LevelStoreOptions = {}, scavenger = new Scavenger()): BlobStore {
  const { tolerant = false } = options;
  const space = new DiskSpace(directory);
  const patrol = options.patrol && new TablePatrol({ ...options.patrol, directory });
  return new BlobStore({
    base: new LevelStore({ directory, scavenger, space, tolerant, patrol }),
    directory: new DiskBlobDirectory(directory),
    isLarge: isBlockKey,
    mayUse,
    diskFull: () => space.release(),
    freeBytes: () => space.freeBytes(),
    tolerant,
  });
}

/** Of a store that a newer program wrote only its version can be relied on. One that is damaged is refused by whoever reads the rest. */
export function assertReadable(base: Store): void {
  const meta = metaOf(base);
  if (meta !== undefined) assertVersion(meta);
}

/** The first life of a store of an older format writes the new format down; until that has come here, it has no references. */
function mayUse(base: Store): boolean {
  const meta = metaOf(base);
  return meta === undefined || meta.version >= FORMAT_VERSION;
}

function metaOf(base: Store): StoredMeta | undefined {
  const stored = base.get(metaKey);
  return stored === undefined ? undefined : parseMeta(stored);
}
