import { type FileHandle, mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import type { Log } from "../log.js";

/** A change that somebody made, or tried to. */
export interface AuditEntry {
  /** Who: the subject. */
  readonly who: string;
  readonly by: string;
  readonly tokenId?: string | undefined;
  /** The client's address, as far as `trustedProxies` tell. */
  readonly from: string;
  /** Where it was called: `/admin`, or the namespace itself. */
  readonly through: string;
  readonly operation: string;
  /** What it was called with, without what messages say. */
  readonly request: Readonly<Record<string, unknown>>;
  /** `ok`, or the code of the error. */
  readonly outcome: string;
}

const FILE_BYTES_MAX = 16_777_216;
const FILES_MAX = 8;

/** Who changed what, when and from where: one JSON object a line, in files that are rotated, the newest without a number. */
export class AuditLog {
  readonly #path: string | undefined;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #fileBytesMax: number;
  #handle: FileHandle | undefined;
  #bytes = 0;
  #last: Promise<void> = Promise.resolve();

  /** @param path undefined: it goes to the log */
  constructor(path: string | undefined, log: Log, now: () => number, fileBytesMax: number = FILE_BYTES_MAX) {
    this.#path = path;
    this.#log = log;
    this.#now = now;
    this.#fileBytesMax = fileBytesMax;
  }

  /** Resolves when it is written. A log that cannot be written is told to the operator, and the change stands. */
  record(entry: AuditEntry): Promise<void> {
    const text = JSON.stringify({ at: new Date(this.#now()).toISOString(), ...entry });
    if (this.#path === undefined) {
      this.#log.info(`audit: ${text}`);
      return Promise.resolve();
    }
    const path = this.#path;
    this.#last = this.#last.then(() => this.#write(path, `${text}\n`));
    return this.#last;
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#handle?.close();
    this.#handle = undefined;
  }

  async #write(path: string, line: string): Promise<void> {
    try {
      this.#handle ??= await this.#open(path);
      if (this.#bytes >= this.#fileBytesMax) await this.#rotate(path);
      await this.#handle.appendFile(line);
      this.#bytes += Buffer.byteLength(line);
    } catch (error) {
      await this.#handle?.close().catch(() => undefined);
      this.#handle = undefined;
      this.#log.error(
        `the audit log cannot be written: ${error instanceof Error ? error.message : String(error)}; not in it: ${line.trimEnd()}`,
      );
    }
  }

  async #open(path: string): Promise<FileHandle> {
    await mkdir(dirname(path), { recursive: true });
    const handle = await open(path, "a", 0o600);
    this.#bytes = (await handle.stat()).size;
    return handle;
  }

  async #rotate(path: string): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
    for (let number = FILES_MAX - 1; number >= 1; number--) {
      await rename(number === 1 ? path : `${path}.${number - 1}`, `${path}.${number}`).catch(ignoreMissing);
    }
    this.#handle = await this.#open(path);
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}
