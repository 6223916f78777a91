import { randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
import { type FileHandle, lstat, open, readdir, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { HoldfastError } from "holdfast-client/protocol";
import { syncDirectory } from "../sync-directory.js";
import type { BackupStream } from "./backup-stream.js";

/** What is written of a backup until it is whole has a name of its own, so that two backups to one path do not get in each other's way. */
const PARTIAL = /^\.[0-9a-f]{12}\.partial$/;
const PARTIAL_BYTES = 6;
/** A part to which nothing was added for so long is one that was broken off: a server gives up what nobody reads for a minute, and clocks differ. */
const BROKEN_OFF_MS = 3_600_000;

/** The file of a backup while it is written: it has its name only once it is whole and survives power loss. */
class BackupFile {
  readonly #path: string;
  readonly #partial: string;
  readonly #handle: FileHandle;
  #bytes = 0;

  private constructor(path: string, partial: string, handle: FileHandle) {
    this.#path = path;
    this.#partial = partial;
    this.#handle = handle;
  }

  /** Begins a part beside `path`; what backups to it that were broken off have left is removed. Messages are nobody else's business. */
  static async create(path: string): Promise<BackupFile> {
    await removeBrokenOff(path);
    const partial = `${path}.${randomBytes(PARTIAL_BYTES).toString("hex")}.partial`;
    return new BackupFile(path, partial, await open(partial, "wx", 0o600));
  }

  get bytes(): number {
    return this.#bytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#handle.writeFile(bytes);
    this.#bytes += bytes.length;
  }

  /** Gives the file its name, in place of one that had it. */
  async finish(): Promise<void> {
    await this.#handle.sync();
    await this.#handle.close();
    await rename(this.#partial, this.#path);
    await syncDirectory(dirname(this.#path));
  }

  async abandon(): Promise<void> {
    await this.#handle.close();
    await rm(this.#partial, { force: true });
  }
}

async function removeBrokenOff(path: string): Promise<void> {
  const [directory, name] = [dirname(path), basename(path)];
  for (const other of await readdir(directory).catch(() => [])) {
    if (!other.startsWith(name) || !PARTIAL.test(other.slice(name.length))) continue;
    const part = join(directory, other);
    // It may be another's to remove, too, or not ours at all.
    const found = await stat(part).catch(() => undefined);
    if (found !== undefined && Date.now() - found.mtimeMs > BROKEN_OFF_MS) await rm(part, { force: true }).catch(() => undefined);
  }
}

/** What is no file, in words. */
export function kindOf(found: Stats): string {
  if (found.isDirectory()) return "a directory";
  return found.isSymbolicLink() ? "a link to nothing" : "no regular file";
}

/**
 * Where the file of a path is, or is to be. `BAD_REQUEST` for what is there and no file, since it would be replaced by one, and where
 * there is no directory for it.
 */
export async function placeOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => lstat(path).catch(() => undefined));
  if (found === undefined) {
    const parent = await stat(dirname(path)).catch((error: NodeJS.ErrnoException) => error);
    // Why it cannot be looked at is said by whoever opens the file.
    if (parent instanceof Error ? parent.code !== "ENOENT" && parent.code !== "ENOTDIR" : parent.isDirectory()) return path;
    throw new HoldfastError("BAD_REQUEST", `there is no directory ${dirname(path)}, expected one for the file`);
  }
  if (found.isFile()) return realpath(path);
  throw new HoldfastError("BAD_REQUEST", `${path} is ${kindOf(found)}, expected a file, or a name that is free`);
}

/** Writes all of a backup to a file; returns its bytes. When that fails, no file is left, and what was there stays. */
export async function writeBackup(stream: Pick<BackupStream, "next" | "close">, path: string): Promise<number> {
  let file: BackupFile | undefined;
  try {
    file = await BackupFile.create(await placeOf(path));
    for (let done = false; !done; ) {
      const chunk = await stream.next();
      await file.write(chunk.bytes);
      done = chunk.done;
    }
    await file.finish();
    return file.bytes;
  } catch (error) {
    await file?.abandon().catch(() => undefined);
    throw error;
  } finally {
    await stream.close();
  }
}
