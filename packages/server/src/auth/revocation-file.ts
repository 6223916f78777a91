import { type FileHandle, mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { HoldfastError } from "holdfast-client/protocol";
import { z } from "zod";
import { syncDirectory } from "../sync-directory.js";
import type { Revocation } from "./revocations.js";

const line = z.strictObject({
  subject: z.string().min(1).optional(),
  tokenId: z.string().min(1).optional(),
  at: z.number(),
  until: z.number().nullable(),
});

/** Lines beyond those that hold, before the file is written anew. */
const SPARE_LINES = 10_000;

/** Revocations in a file, one JSON object a line, the latest of a subject or token last. Each is synced before it counts as written. */
export class RevocationFile {
  readonly #path: string;
  #handle: FileHandle | undefined;
  #lines = 0;
  /** The last change: they are written one after the other. */
  #last: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * All lines in order. A last one without an end was never confirmed, and is left out; anything else that cannot be read
   * fails: to go on without it would let somebody in.
   */
  async read(): Promise<Revocation[]> {
    const lines = (await this.#text()).split("\n").slice(0, -1);
    return lines.map((text, index) => {
      try {
        return line.parse(JSON.parse(text));
      } catch {
        throw new HoldfastError("ENGINE_UNAVAILABLE", `line ${index + 1} of ${this.#path} is not a revocation; restore the file`);
      }
    });
  }

  /** Replaces what is there, in one step. */
  async rewrite(revocations: readonly Revocation[]): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true });
    await this.#handle?.close();
    this.#handle = undefined;
    const next = `${this.#path}.new`;
    const written = await open(next, "w", 0o600);
    try {
      await written.writeFile(revocations.map(asLine).join(""));
      await written.sync();
    } finally {
      await written.close();
    }
    await rename(next, this.#path);
    await syncDirectory(dirname(this.#path));
    this.#handle = await open(this.#path, "a", 0o600);
    this.#lines = revocations.length;
  }

  /**
   * Resolves when it is on disk.
   *
   * @param all those that hold then, for when the file has grown too long
   */
  append(revocation: Revocation, all: () => readonly Revocation[]): Promise<void> {
    const written = this.#last.then(() => this.#write(revocation, all));
    this.#last = written.catch(() => undefined);
    return written;
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#handle?.close();
    this.#handle = undefined;
  }

  async #text(): Promise<string> {
    try {
      return await readFile(this.#path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
      throw error;
    }
  }

  async #write(revocation: Revocation, all: () => readonly Revocation[]): Promise<void> {
    try {
      const holding = all();
      if (this.#handle === undefined || this.#lines > 2 * holding.length + SPARE_LINES) {
        await this.rewrite(holding);
        return;
      }
      await this.#handle.appendFile(asLine(revocation));
      await this.#handle.datasync();
      this.#lines++;
    } catch (error) {
      // Half a line may be there: the next write begins anew.
      await this.#handle?.close().catch(() => undefined);
      this.#handle = undefined;
      const why = error instanceof Error ? error.message : String(error);
      throw new HoldfastError("UNKNOWN", `it holds now, but may not after a restart: ${this.#path} cannot be written: ${why}`);
    }
  }
}

const asLine = (revocation: Revocation): string => `${JSON.stringify(revocation)}\n`;
