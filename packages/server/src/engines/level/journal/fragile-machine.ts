import type { Entry, ReadRange, Store, StoreSnapshot, Write } from "../../../store.js";
import { MemoryStore } from "../../memory/memory-store.js";
import type { JournalFile } from "./journal-file.js";
import type { JournalFiles } from "./open-files.js";

/** What a disk writes whole or not at all. */
const SECTOR_BYTES = 512;
const GROWTH_BYTES = 1_024;

/** From 0 (included) to 1 (not). */
type Random = () => number;

/** Chances that something goes wrong, from 0 to 1. */
export interface Faults {
  readonly write: number;
  readonly sync: number;
  readonly below: number;
  readonly growth: number;
}

const NO_FAULTS: Faults = { write: 0, sync: 0, below: 0, growth: 0 };

/**
 * A machine on which a process writes two files and a store below them. The process ends after a number of steps, and
 * between any two; of what it had not synced the disk keeps any sectors when the power fails too.
 */
export class FragileMachine {
  readonly random: Random;
  readonly #contents: readonly [Content, Content];
  readonly #below = new MemoryStore();
  #process: Process;

  constructor(random: Random) {
    this.random = random;
    this.#contents = [new Content(random), new Content(random)];
    this.#process = new Process(random, 0, NO_FAULTS);
  }

  /** Starts a process that lives for so many steps. */
  start(steps: number, faults = NO_FAULTS): { readonly base: Store; readonly files: JournalFiles } {
    const process = new Process(this.random, steps, faults);
    this.#process = process;
    const [a, b] = this.#contents;
    return { base: new StoreBelow(process, this.#below), files: [new ProcessFile(process, a), new ProcessFile(process, b)] };
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
  }

  cutPower(): void {
    this.kill();
    for (const content of this.#contents) content.cutPower();
  }
}

class Process {
  readonly random: Random;
  readonly faults: Faults;
  readonly death: Promise<void>;
  isDead = false;
  #stepsLeft: number;
  #die: () => void = () => undefined;

  constructor(random: Random, steps: number, faults: Faults) {
    this.random = random;
    this.faults = faults;
    this.#stepsLeft = steps;
    this.death = new Promise((resolve) => {
      this.#die = resolve;
    });
  }

  kill(): void {
    this.isDead = true;
    this.#die();
  }

  /** Whether it lives on after one more step. */
  step(): boolean {
    if (!this.isDead && --this.#stepsLeft < 0) this.kill();
    return !this.isDead;
  }

  /** A step after which others have their turn; never returns to a dead process. */
  async turn(): Promise<void> {
    if (this.step() && this.random() < 0.5) await new Promise((resolve) => setImmediate(resolve));
    if (this.isDead) await new Promise(() => undefined);
  }
}

/** What a file has: in the page cache, and on disk. */
class Content {
  readonly #random: Random;
  cached = Buffer.alloc(0);
  #durable = Buffer.alloc(0);
  readonly #dirty = new Set<number>();
  /** Only in the cache, which may let go of them: the sync failed that should have written them. */
  readonly #orphaned = new Set<number>();

  constructor(random: Random) {
    this.#random = random;
  }

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    if (end > this.cached.length) this.cached = Buffer.concat([this.cached, Buffer.alloc(end - this.cached.length)]);
    this.cached.set(bytes, position);
    for (let sector = Math.floor(position / SECTOR_BYTES); sector * SECTOR_BYTES < end; sector++) {
      this.#dirty.add(sector);
      this.#orphaned.delete(sector);
    }
  }

  sync(): void {
    this.#grow(this.cached.length);
    for (const sector of this.#dirty) this.#copy(sector, this.cached, this.#durable);
    this.#dirty.clear();
  }

  /** What could not be written counts as written, as far as the kernel is concerned. */
  failSync(): void {
    for (const sector of this.#dirty) this.#orphaned.add(sector);
    this.#dirty.clear();
  }

  /** Any of the orphaned sectors are read from the disk again. */
  evict(): void {
    const chance = this.#random();
    this.#grow(this.cached.length);
    for (const sector of this.#orphaned) {
      if (this.#random() >= chance) continue;
      this.#copy(sector, this.#durable, this.cached);
      this.#orphaned.delete(sector);
    }
  }

  cutPower(): void {
    const size =
      this.#durable.length + Math.round((this.#random() * (this.cached.length - this.#durable.length)) / SECTOR_BYTES) * SECTOR_BYTES;
    this.#grow(size);
    const chance = Math.floor(this.#random() * 5) / 4;
    for (const sector of this.#dirty) if (this.#random() < chance) this.#copy(sector, this.cached, this.#durable);
    this.#dirty.clear();
    this.#orphaned.clear();
    this.cached = Buffer.from(this.#durable);
  }

  #grow(size: number): void {
    if (size > this.#durable.length) this.#durable = Buffer.concat([this.#durable, Buffer.alloc(size - this.#durable.length)]);
  }

  #copy(sector: number, from: Buffer, to: Buffer): void {
    from.copy(to, sector * SECTOR_BYTES, sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES);
  }
}

/** A file as a process has it open. */
class ProcessFile implements JournalFile {
  readonly bytesMax = FILE_BYTES;
  readonly #process: Process;
  readonly #content: Content;

  constructor(process: Process, content: Content) {
    this.#process = process;
    this.#content = content;
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
class StoreBelow implements Store {
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

  async clear(from: Uint8Array, to: Uint8Array): Promise<void> {
    await this.#process.turn();
    await this.#content.clear(from, to);
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

  async open(): Promise<void> {}
  async close(): Promise<void> {}
  async reclaim(): Promise<void> {}

  async spareBytes(): Promise<number> {
    return Number.POSITIVE_INFINITY;
  }
}
