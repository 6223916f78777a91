import type { EngineBackup } from "../backing-up.js";
import { packHeader, packPage, packTrailer } from "./backup-format.js";

/** The next bytes of a backup's file; with `done` the last ones. */
export interface BackupChunk {
  readonly bytes: Buffer;
  readonly done: boolean;
}

/** What is copied of an engine, as the bytes of a backup's file, section by section. */
export class BackupStream {
  readonly #backup: EngineBackup;
  readonly #at: number;
  readonly #program: string;
  #entries = 0;
  #bytes = 0;
  #done = false;

  /** @param at when it was begun, in milliseconds since 1970; @param program the version of this program */
  constructor(backup: EngineBackup, at: number, program: string) {
    this.#backup = backup;
    this.#at = at;
    this.#program = program;
  }

  async next(): Promise<BackupChunk> {
    if (this.#done) return { bytes: Buffer.alloc(0), done: true };
    const bytes = this.#bytes === 0 ? this.#header() : await this.#page();
    this.#bytes += bytes.length;
    return { bytes, done: this.#done };
  }

  close(): Promise<void> {
    return this.#backup.close();
  }

  #header(): Buffer {
    return packHeader({ storeVersion: this.#backup.storeVersion, at: this.#at, program: this.#program });
  }

  async #page(): Promise<Buffer> {
    const entries = await this.#backup.next();
    this.#entries += entries.length;
    if (entries.length > 0) return packPage(entries);
    this.#done = true;
    await this.#backup.close();
    return packTrailer({ entries: this.#entries, bytes: this.#bytes });
  }
}
