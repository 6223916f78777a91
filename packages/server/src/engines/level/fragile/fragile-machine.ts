import type { Entry, KeyRange, ReadRange, StoreSnapshot, Write } from "../../../store.js";
import { MemoryStore } from "../../memory/memory-store.js";
import type { BlobDirectory } from "../blobs/blob-directory.js";
import type { BlobBase } from "../blobs/blob-store.js";
import type { JournalFile } from "../journal/journal-file.js";
import type { JournalFiles } from "../journal/open-files.js";
import { FragileBlobs, FragileNames } from "./fragile-blobs.js";
import { FragileContent } from "./fragile-content.js";
import { NO_FAULTS, Process, type Random } from "./fragile-process.js";

const GROWTH_BYTES = 1_024;

/**
 * A machine on which a process writes two files of a journal, blob files and a store below them. The process ends after a number of steps, and
 * between any two; of what it had not synced the disk keeps any sectors when the power fails too.
 */
export class FragileMachine {
  readonly random: Random;
  readonly #contents: readonly [FragileContent, FragileContent];
  readonly #below = new MemoryStore();
  readonly #names: FragileNames;
  #process: Process;

  constructor(random: Random) {
    this.random = random;
    this.#contents = [new FragileContent(random), new FragileContent(random)];
    this.#names = new FragileNames(random);
    this.#process = new Process(random, 0, NO_FAULTS);
  }

  /** Starts a process that lives for so many steps. */
  start(steps: number, faults = NO_FAULTS): { readonly base: BlobBase; readonly files: JournalFiles; readonly blobs: BlobDirectory } {
    const process = new Process(this.random, steps, faults);
    this.#process = process;
    const [a, b] = this.#contents;
    return {
      base: new StoreBelow(process, this.#below),
      files: [new ProcessFile(process, a, "journal-a"), new ProcessFile(process, b, "journal-b")],
      blobs: new FragileBlobs(process, this.#names),
    };
  }

  get isDead(): boolean {
    return this.#process.isDead;
  }

  /** Waits until something ends, well or not, or the process does. The error that it ended with. */
  async ended(task: Promise<unknown>): Promise<unknown> {
    const failed = task.then(
      () => undefined,
      (error: unknown) => error,
    );
    return Promise.race([failed, this.#process.death]);
  }

  kill(): void {
    this.#process.kill();
    for (const content of this.#contents) content.evict();
    this.#names.evict();
  }

  cutPower(): void {
    this.kill();
    for (const content of this.#contents) content.cutPower();
    this.#names.cutPower();
  }
}

/** A file as a process has it open. */
class ProcessFile implements JournalFile {
  readonly name: string;
  readonly bytesMax = FILE_BYTES;
  readonly #process: Process;
  readonly #content: FragileContent;

  constructor(process: Process, content: FragileContent, name: string) {
    this.#process = process;
    this.#content = content;
    this.name = name;
  }

  get size(): number {
    return this.#content.cached.length;
  }

  makeRoom(bytes: number): boolean {
    if (bytes > FILE_BYTES) return false;
    while (bytes > this.size) {
      if (this.#process.random() < this.#process.faults.growth) return false;
      this.write(Buffer.alloc(GROWTH_BYTES), this.size);
    }
    return true;
  }

  write(bytes: Uint8Array, position: number): void {
    const wasDead = this.#process.isDead;
    const fails = this.#process.random() < this.#process.faults.write;
    if (this.#process.step() && !fails) {
      this.#content.write(bytes, position);
      return;
    }
    if (!wasDead) this.#content.write(bytes.subarray(0, this.#process.random() * (bytes.length + 1)), position);
    throw new Error("the write failed");
  }

  async sync(): Promise<void> {
    await this.#process.turn();
    if (this.#process.random() < this.#process.faults.sync) {
      this.#content.failSync();
      throw new Error("the sync failed");
    }
    this.#content.sync();
    await this.#process.turn();
  }

  read(target: Uint8Array, position: number): number {
    return this.#content.cached.copy(target, 0, position);
  }

  close(): void {}
}

/** The longest that a file gets. */
export const FILE_BYTES = 4 * GROWTH_BYTES;

/** What a process has of the store below: a batch is applied whole or not at all. */
class StoreBelow implements BlobBase {
  readonly #process: Process;
  readonly #content: MemoryStore;

  constructor(process: Process, content: MemoryStore) {
    this.#process = process;
    this.#content = content;
  }

  async write(writes: readonly Write[]): Promise<void> {
    await this.#process.turn();
    const fails = this.#process.random() < this.#process.faults.below;
    if (!fails || this.#process.random() < 0.5) {
      await this.#content.write(writes.map(({ key, value }) => ({ key, value: value && Buffer.from(value) })));
    }
    if (fails) throw new Error("the store below failed");
    await this.#process.turn();
  }

  async clear(ranges: readonly KeyRange[]): Promise<void> {
    for (const range of ranges) {
      await this.#process.turn();
      await this.#content.clear([range]);
    }
    await this.#process.turn();
  }

  read(range: ReadRange): Promise<readonly Entry[]> {
    return this.#content.read(range);
  }

  snapshot(): Promise<StoreSnapshot> {
    return this.#content.snapshot();
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#content.get(key);
  }

  async getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    await this.#process.turn();
    return keys.map((key) => this.#content.get(key));
  }

  async open(): Promise<void> {}
  async close(): Promise<void> {}
  async reclaim(): Promise<void> {}

  async spareBytes(): Promise<number> {
    return Number.POSITIVE_INFINITY;
  }
}
