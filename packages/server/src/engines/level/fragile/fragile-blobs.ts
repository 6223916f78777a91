import type { BlobDirectory } from "../blobs/blob-directory.js";
import { FragileContent } from "./fragile-content.js";
import type { Process, Random } from "./fragile-process.js";

/** So few that there are many files. */
const FILE_BYTES = 2_000;

/** The names of files in a directory: as the system has them, and on disk, where changes come in their order. */
export class FragileNames {
  readonly #random: Random;
  cached = new Map<number, FragileContent>();
  #durable = new Map<number, FragileContent>();
  #changes: { readonly file: number; readonly content: FragileContent | undefined }[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  made(file: number): FragileContent {
    const content = new FragileContent(this.#random);
    this.#change(file, content);
    return content;
  }

  removed(file: number): void {
    this.#change(file, undefined);
  }

  #change(file: number, content: FragileContent | undefined): void {
    apply(this.cached, file, content);
    this.#changes.push({ file, content });
  }

  sync(): void {
    this.#durable = new Map(this.cached);
    this.#changes = [];
  }

  evict(): void {
    for (const content of this.cached.values()) content.evict();
  }

  cutPower(): void {
    const kept = Math.floor(this.#random() * (this.#changes.length + 1));
    for (const { file, content } of this.#changes.slice(0, kept)) apply(this.#durable, file, content);
    for (const content of this.#durable.values()) content.cutPower();
    this.cached = new Map(this.#durable);
    this.#changes = [];
  }
}

function apply(names: Map<number, FragileContent>, file: number, content: FragileContent | undefined): void {
  if (content === undefined) names.delete(file);
  else names.set(file, content);
}

/** The blob files of a process. */
export class FragileBlobs implements BlobDirectory {
  readonly #process: Process;
  readonly #names: FragileNames;

  constructor(process: Process, names: FragileNames) {
    this.#process = process;
    this.#names = names;
  }

  async fileBytes(): Promise<number> {
    return FILE_BYTES;
  }

  async sizes(): Promise<ReadonlyMap<number, number>> {
    return new Map(Array.from(this.#names.cached, ([file, { cached }]) => [file, cached.length]));
  }

  async write(file: number, bytes: Uint8Array, at: number): Promise<void> {
    await this.#process.turn();
    const content = this.#names.cached.get(file) ?? this.#names.made(file);
    if (this.#process.random() < this.#process.faults.write) {
      content.write(bytes.subarray(0, this.#process.random() * (bytes.length + 1)), at);
      throw new Error("the write failed");
    }
    content.write(bytes, at);
    await this.#process.turn();
  }

  async sync(file: number): Promise<void> {
    const content = this.#contentOf(file);
    await this.#process.turn();
    if (this.#process.random() < this.#process.faults.sync) {
      content.failSync();
      throw new Error("the sync failed");
    }
    content.sync();
    await this.#process.turn();
    this.#names.sync();
    await this.#process.turn();
  }

  /** Changes nothing, so it ends nobody. */
  async read(file: number, target: Uint8Array, at: number): Promise<number> {
    if (this.#process.random() < 0.5) await new Promise((resolve) => setImmediate(resolve));
    return this.readNow(file, target, at);
  }

  readNow(file: number, target: Uint8Array, at: number): number {
    return this.#contentOf(file).cached.copy(target, 0, at);
  }

  #contentOf(file: number): FragileContent {
    const content = this.#names.cached.get(file);
    if (content === undefined) throw new Error(`there is no file ${file}`);
    return content;
  }

  async cut(file: number, at: number): Promise<void> {
    const content = this.#contentOf(file);
    content.write(Buffer.alloc(Math.max(0, content.cached.length - at)), at);
  }

  async remove(file: number): Promise<void> {
    await this.#process.turn();
    this.#names.removed(file);
    await this.#process.turn();
  }

  close(): void {}
}
