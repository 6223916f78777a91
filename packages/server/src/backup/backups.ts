import { randomBytes } from "node:crypto";
import { HoldfastError } from "holdfast-client/protocol";
import type { Clock } from "../clock.js";
import type { Engine } from "../engine.js";
import { programVersion } from "../program-version.js";
import { preview } from "../validate.js";
import { type BackupChunk, BackupStream } from "./backup-stream.js";

interface OpenBackup {
  readonly id: string;
  readonly stream: BackupStream;
  /** Where the last chunk begins; it is kept, in case its answer was lost. */
  at: number;
  last: BackupChunk;
  /** One chunk is read after the other. */
  reading: Promise<unknown>;
}

/** Backups that are read by asking for one chunk after the other, as a peer does. */
export class Backups {
  readonly #engine: Engine;
  readonly #clock: Clock;
  #open: OpenBackup | undefined;

  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
  }

  /** Begins a backup as a stream of its file's bytes, for whoever reads it in this process. */
  async stream(): Promise<BackupStream> {
    return new BackupStream(await this.#engine.backup(), this.#clock.now(), programVersion());
  }

  /** Begins one to be read by its id. */
  async open(): Promise<string> {
    const stream = await this.stream();
    const id = randomBytes(16).toString("base64url");
    this.#open = { id, stream, at: 0, last: { bytes: Buffer.alloc(0), done: false }, reading: Promise.resolve() };
    return id;
  }

  /** The bytes from `from` on, which is where the last chunk ended, or where it began: then it is given again. */
  read(id: string, from: number): Promise<BackupChunk> {
    const open = this.#find(id);
    const chunk = open.reading.then(() => readFrom(open, from));
    open.reading = chunk.catch(() => undefined);
    return chunk;
  }

  /** Nobody wants the rest of it. */
  async cancel(id: string): Promise<void> {
    const open = this.#find(id);
    this.#open = undefined;
    await open.stream.close();
  }

  #find(id: string): OpenBackup {
    if (this.#open?.id === id) return this.#open;
    throw new HoldfastError(
      "NOT_FOUND",
      `there is no backup ${preview(id)}: it has ended, or the server was started anew since; begin another one`,
    );
  }
}

async function readFrom(open: OpenBackup, from: number): Promise<BackupChunk> {
  const end = open.at + open.last.bytes.length;
  if (from === open.at && open.last.bytes.length > 0) return open.last;
  if (from !== end) throw new HoldfastError("BAD_REQUEST", `from is ${from}, expected ${open.at} or ${end}`);
  const next = await open.stream.next();
  open.at = end;
  open.last = next;
  return next;
}
