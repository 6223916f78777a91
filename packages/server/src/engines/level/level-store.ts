import { closeSync, fstatSync, fsync, openSync, statSync } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { promisify } from "node:util";
import { ClassicLevel } from "classic-level";
import { HoldfastError } from "holdfast-client/protocol";
import type { Entry, KeyRange, ReadRange, StoreSnapshot, Write } from "../../store.js";
import { syncDirectory } from "../../sync-directory.js";
import type { BlobBase } from "./blobs/blob-store.js";
import type { DiskSpace } from "./disk-space.js";
import { InfoLog } from "./info-log.js";
import { type Identity, leadsTo } from "./leads-to.js";
import { examineLogs } from "./logs/examine-logs.js";
import { cutTail } from "./manifest/cut-tail.js";
import { examineManifest, type Manifest, type ManifestTail } from "./manifest/examine-manifest.js";
import type { Scavenger } from "./scavenger.js";
import type { TablePatrol } from "./tables/table-patrol.js";
import { removeUnfinished } from "./unfinished.js";

const MIB = 1024 * 1024;

/** LevelDB's memtable. A larger one is written out less often, but there are two, and the tables made of them are mapped into memory too. */
const WRITE_BUFFER_BYTES = MIB;
/** Of the next level, merged with the newest tables. */
const MERGED_BYTES = 16 * MIB;
const CACHE_BYTES = 4 * MIB;
/** Tables are mapped into memory while they are open, so few and small ones are. LevelDB takes no lower values. */
const OPEN_FILES_MAX = 64;
const TABLE_BYTES = MIB;
/** How LevelDB is opened, by whoever does. */
export const LEVEL_OPTIONS = {
  keyEncoding: "view",
  valueEncoding: "view",
  compression: false,
  writeBufferSize: WRITE_BUFFER_BYTES,
  cacheSize: CACHE_BYTES,
  maxOpenFiles: OPEN_FILES_MAX,
  maxFileSize: TABLE_BYTES,
} as const;
/** A range that has less than this in tables is not worth that they are written anew. */
const RECLAIMED_BYTES_MIN = 65_536;
/** Keys that one batch of a clearing deletes. */
const CLEARED_KEYS = 4_096;
/** Two changes of a directory this close can carry the same time stamp. */
const TIMESTAMP_MS = 50;

/**
 * A range is read in steps. The native side of an iterator keeps room for a step, and what the last step read, until the
 * garbage collector finds it, which does not see how much that is. A last step past the end leaves it empty.
 */
const STEP_ENTRIES = 64;
const STEP_BYTES = 65_536;

type Snapshot = ReturnType<ClassicLevel["snapshot"]>;

const fsyncAsync = promisify(fsync);

export interface LevelStoreSetup {
  readonly directory: string;
  readonly scavenger: Scavenger;
  readonly space: DiskSpace;
  /** What is damaged in LevelDB's logs is left out, for whoever looks for what is left. */
  readonly tolerant?: boolean;
  /** Reads the tables while the store is open. */
  readonly patrol?: TablePatrol | undefined;
}

/**
 * A store in LevelDB: one synced batch per commit.
 *
 * LevelDB syncs its directory only together with its manifest, not when it starts a new log file. A commit that lies
 * in such a file would be lost with the file's name, so the directory is synced here before the commit counts.
 */
export class LevelStore implements BlobBase {
  readonly #directory: string;
  readonly #space: DiskSpace;
  readonly #tolerant: boolean;
  readonly #scavenger: Scavenger;
  readonly #patrol: TablePatrol | undefined;
  readonly #log: InfoLog;
  #level: ClassicLevel<Uint8Array, Uint8Array> | undefined;
  #descriptor = -1;
  /** Of the directory that was opened first. */
  #identity: Identity | undefined;
  #syncedChange = -1;
  #syncedAt = 0;
  /** Bytes of the largest recent commit: a memtable grows past its size by up to that. */
  #largestWrite = 0;

  constructor({ directory, scavenger, space, tolerant = false, patrol }: LevelStoreSetup) {
    this.#directory = directory;
    this.#tolerant = tolerant;
    this.#scavenger = scavenger;
    this.#space = space;
    this.#patrol = patrol;
    this.#log = new InfoLog(directory);
  }

  async open(): Promise<void> {
    const directory = this.#directory;
    const { damage, tail } = await this.#examine().catch((cause: unknown) => {
      throw cannotOpen(directory, cause);
    });
    if (damage !== undefined) throw cannotOpen(directory, new Error(`it is damaged: ${damage}`));
    const level = new ClassicLevel<Uint8Array, Uint8Array>(directory, LEVEL_OPTIONS);
    try {
      await level.open().catch(async (cause: unknown) => {
        if (isDiskFull(cause)) await this.#space.release();
        else if (!isDamaged(cause) || !(await mend(directory, tail))) throw cause;
        await level.open();
      });
    } catch (cause) {
      throw cannotOpen(directory, cause);
    }
    try {
      this.#descriptor = openSync(directory, "r");
      this.#identity = fstatSync(this.#descriptor);
    } catch (cause) {
      await level.close();
      throw cannotOpen(directory, cause);
    }
    this.#level = level;
    this.#syncedChange = -1;
    this.#patrol?.begin();
  }

  /** A store that was open before and lost its directory must not go on with an empty one. */
  async #examine(): Promise<Manifest> {
    if (this.#identity === undefined) await makeDirectory(resolve(this.#directory));
    else if (!leadsTo(this.#directory, this.#identity)) throw new Error("it was removed, moved or replaced while it was open");
    const manifest = await examineManifest(this.#directory);
    const known = manifest.damage ?? this.#patrol?.damage ?? (this.#tolerant ? undefined : await examineLogs(this.#directory));
    const damage = known ?? (await this.#patrol?.look(manifest));
    return damage === undefined ? manifest : { ...manifest, damage };
  }

  #open(): ClassicLevel<Uint8Array, Uint8Array> {
    if (this.#level === undefined) throw new HoldfastError("ENGINE_UNAVAILABLE", `the store in ${this.#directory} is not open`);
    return this.#level;
  }

  async write(writes: readonly Write[]): Promise<void> {
    const batch = this.#open().batch();
    let bytes = 0;
    for (const { key, value } of writes) {
      bytes += key.length + (value?.length ?? 0);
      if (value === undefined) batch.del(key);
      else batch.put(key, value);
    }
    this.#largestWrite = Math.max(bytes, this.#largestWrite * 0.999);
    await this.#commit(batch);
    await this.#log.called();
  }

  async #commit(batch: ReturnType<ClassicLevel<Uint8Array, Uint8Array>["batch"]>): Promise<void> {
    try {
      await batch.write({ sync: true });
    } catch (cause) {
      if (isDiskFull(cause)) await this.#space.release();
      throw cause;
    }
    await this.#syncDirectory();
  }

  /** Syncs the directory when it changed since, or may have changed within the same tick of its time stamp. */
  async #syncDirectory(): Promise<void> {
    const { mtimeMs } = statSync(this.#directory);
    if (mtimeMs === this.#syncedChange && this.#syncedAt > mtimeMs + TIMESTAMP_MS) return;
    const now = Date.now();
    await fsyncAsync(this.#descriptor);
    this.#syncedChange = mtimeMs;
    this.#syncedAt = now;
  }

  read(range: ReadRange): Promise<readonly Entry[]> {
    return this.#read(range, undefined);
  }

  /** The moment is that of the call. */
  async snapshot(): Promise<StoreSnapshot> {
    const snapshot = this.#open().snapshot();
    return { read: (range) => this.#read(range, snapshot), close: () => snapshot.close() };
  }

  async #read(range: ReadRange, snapshot: Snapshot | undefined): Promise<readonly Entry[]> {
    const iterator = this.#open().iterator({
      ...(snapshot && { snapshot }),
      gte: range.from,
      lt: range.to,
      reverse: range.reverse === true,
      limit: range.hides === undefined ? range.entriesMax : -1,
      fillCache: false,
      highWaterMarkBytes: Math.min(range.bytesMax, STEP_BYTES),
    });
    const entries: Entry[] = [];
    let bytes = 0;
    try {
      while (bytes < range.bytesMax) {
        const step = await iterator.nextv(Math.min(STEP_ENTRIES, range.entriesMax - entries.length));
        if (step.length === 0) break;
        for (const entry of step) {
          if (range.hides?.(entry[0]) === true) continue;
          entries.push(entry);
          bytes += entry[0].length + (range.weigh?.(entry[1]) ?? entry[1].length);
          if (bytes >= range.bytesMax) break;
        }
        if (entries.length >= range.entriesMax) break;
      }
      if (entries.length > 0 && range.reverse !== true) {
        iterator.seek(range.to);
        await iterator.nextv(1);
      }
      return entries;
    } finally {
      this.#scavenger.passed(bytes);
      await iterator.close();
    }
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#open().getSync(key);
  }

  getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#open().getMany(keys);
  }

  /** By batches that are synced like all others: one log file may not lack what a later one builds on. */
  async clear(ranges: readonly KeyRange[]): Promise<void> {
    const level = this.#open();
    let batch = level.batch();
    for (const { from, to } of ranges) {
      for (let last: Uint8Array | undefined; ; ) {
        const keys = await level
          .keys({ ...(last === undefined ? { gte: from } : { gt: last }), lt: to, limit: CLEARED_KEYS, fillCache: false })
          .all();
        for (const key of keys) batch.del(key);
        last = keys.at(-1);
        if (batch.length >= CLEARED_KEYS) {
          await this.#commit(batch);
          batch = level.batch();
        }
        if (keys.length < CLEARED_KEYS) break;
      }
    }
    if (batch.length > 0) await this.#commit(batch);
    else await batch.close();
    await this.#log.called();
  }

  /** Little is left to LevelDB's own compactions: each that is asked for adds to its manifest, which is as old as the open store. */
  async reclaim(from: Uint8Array, to: Uint8Array): Promise<void> {
    const level = this.#open();
    if ((await level.approximateSize(from, to)) >= RECLAIMED_BYTES_MIN) await level.compactRange(from, to);
    await this.#log.called();
  }

  async spareBytes(): Promise<number> {
    // Its newest tables are merged into new ones before they are deleted, and more may come meanwhile.
    const newest = Number(this.#open().getProperty("leveldb.num-files-at-level0"));
    return this.#space.spareBytes((newest + 4) * (WRITE_BUFFER_BYTES + this.#largestWrite) + MERGED_BYTES);
  }

  async close(): Promise<void> {
    const level = this.#level;
    this.#level = undefined;
    const descriptor = this.#descriptor;
    this.#descriptor = -1;
    try {
      await this.#patrol?.end();
      if (descriptor !== -1) closeSync(descriptor);
    } finally {
      // Whatever failed before, or it would be locked for the next one that opens it.
      await level?.close();
    }
  }
}

/** Makes a directory and those above it, with names that survive power loss. Node's own recursive `mkdir` never returns where none can be made, as in /proc. */
async function makeDirectory(path: string): Promise<void> {
  const known = await stat(path).catch(() => undefined);
  if (known?.isDirectory() === true) return;
  if (known !== undefined) throw new Error("it is not a directory");
  if (dirname(path) !== path) await makeDirectory(dirname(path));
  // Somebody else may begin the same store, and is told apart by LevelDB's lock.
  await mkdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  await syncDirectory(dirname(path));
}

/** Takes away what power that was lost left half done. */
const mend = (directory: string, tail: ManifestTail | undefined): Promise<boolean> =>
  tail === undefined ? removeUnfinished(directory) : cutTail(directory, tail);

const isDiskFull = (error: unknown): boolean => /No space left on device|Disk quota exceeded/.test(causeOf(error).message);

const isDamaged = (error: unknown): boolean => /Corruption/.test(causeOf(error).message);

/** Whether another process has the directory that could not be opened. */
export const isLocked = (error: unknown): boolean => Reflect.get(causeOf(error), "code") === "LEVEL_LOCKED";

const causeOf = (error: unknown): Error => {
  if (!(error instanceof Error)) return new Error(String(error));
  return error.cause instanceof Error ? error.cause : error;
};

/** One clear line for each way in which a directory cannot be used. */
export function cannotOpen(directory: string, error: unknown): HoldfastError {
  if (isLocked(error)) {
    const advice = "one process per directory; cluster and PM2 need the JetStream engine";
    return new HoldfastError("ENGINE_UNAVAILABLE", `directory ${directory} is used by another process (${advice})`);
  }
  return new HoldfastError("ENGINE_UNAVAILABLE", `directory ${directory} cannot be used: ${causeOf(error).message}`);
}
