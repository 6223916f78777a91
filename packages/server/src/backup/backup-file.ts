import type { Stats } from "node:fs";
import { type FileHandle, lstat, open, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { HoldfastError } from "holdfast-client/protocol";
import { syncDirectory } from "../sync-directory.js";
import type { BackupStream } from "./backup-stream.js";

/** The file of a backup while it is written: it has its name only once it is whole and survives power loss. */
class BackupFile {
  readonly #path: string;
  readonly #partial: string;
  readonly #handle: FileHandle;
  #bytes = 0;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#partial = partialOf(path);
    this.#handle = handle;
  }

  /** Begins `path`.partial, over what an interrupted backup may have left there. Messages are nobody else's business. */
  static async create(path: string): Promise<BackupFile> {
    return new BackupFile(path, await open(partialOf(path), "w", 0o600));
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

const partialOf = (path: string): string => `${path}.partial`;

/** What is no file, in words. */
export function kindOf(found: Stats): string {
  if (found.isDirectory()) return "a directory";
  return found.isSymbolicLink() ? "a link to nothing" : "no regular file";
}

/** Where the file of a path is, or is to be. `BAD_REQUEST` for what is there and no file: it would be replaced by one. */
export async function placeOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => lstat(path).catch(() => undefined));
  if (found === undefined) return path;
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
