import { MemoryStore } from "../../packages/server/src/engines/memory/memory-store.js";
import type { Entry, KeyRange, ReadRange, Store, StoreSnapshot, Write } from "../../packages/server/src/store.js";
import type { Random } from "./random.js";
import { ms, type VirtualTime } from "./virtual-time.js";

const forever = (): Promise<never> => new Promise(() => {});

/** What survives a crash, and how the disk behaves. */
export class SimulatedDisk {
  readonly durable = new MemoryStore();
  readonly time: VirtualTime;
  readonly random: Random;
  /** A healed disk takes no time and fails no more. */
  healed = false;
  full = false;
  /** The next write fails, and is there all the same or not. */
  failingWrite: "kept" | "lost" | undefined;
  failingRead = false;
  /** How long a sync takes at most, usually. */
  readonly syncUsMax: number;

  constructor(time: VirtualTime, random: Random) {
    this.time = time;
    this.random = random;
    this.syncUsMax = ms(random.pick([1, 5, 20]));
  }

  heal(): void {
    this.healed = true;
    this.full = false;
    this.failingWrite = undefined;
    this.failingRead = false;
  }

  syncUs(): number {
    if (this.healed) return 0;
    return this.random.chance(0.01) ? this.random.below(ms(400)) : 50 + this.random.below(this.syncUsMax);
  }

  readUs(): number {
    if (this.healed) return 0;
    return this.random.chance(0.02) ? this.random.below(ms(100)) : this.random.below(ms(1));
  }

  /** Time from when something is so until the process hears of it. */
  hearUs(): number {
    return this.healed ? 0 : this.random.below(200);
  }
}

/** Hears when a commit goes to the disk and when it is durable. */
export interface CommitLog {
  begun(): number | undefined;
  synced(commit: number | undefined): void;
}

/** The store as one process sees it: a write is durable when its virtual sync ends. */
export class SimulatedStore implements Store {
  readonly #disk: SimulatedDisk;
  readonly #commits: CommitLog;
  /** Writes that are not durable, oldest first. */
  readonly #unsynced: (readonly Write[])[] = [];
  #closing: (() => void) | undefined;
  #syncEndsUs = 0;
  #dead = false;

  constructor(disk: SimulatedDisk, commits: CommitLog) {
    this.#disk = disk;
    this.#commits = commits;
  }

  /** The process is gone. What was not synced is lost; the write under way may be kept, but whole. */
  kill(): void {
    this.#dead = true;
    const last = this.#unsynced[0];
    if (last !== undefined && this.#disk.random.chance(0.5)) this.apply(last);
    this.#unsynced.length = 0;
  }

  write(writes: readonly Write[]): Promise<void> {
    if (this.#dead) return forever();
    const { time } = this.#disk;
    const own = writes.map(({ key, value }) => ({ key: Buffer.from(key), value: value && Buffer.from(value) }));
    this.#unsynced.push(own);
    const commit = this.#commits.begun();
    this.#syncEndsUs = Math.max(this.#syncEndsUs, time.nowUs) + this.#disk.syncUs();
    return new Promise((resolve, reject) => {
      time.in(this.#syncEndsUs - time.nowUs, () => {
        if (this.#dead) return;
        const failing = this.#takeFailure();
        if (failing !== "lost") this.apply(own);
        if (failing === undefined) this.#commits.synced(commit);
        this.#unsynced.shift();
        time.in(this.#disk.hearUs(), () => {
          if (this.#dead) return;
          if (failing === undefined) resolve();
          else reject(new Error("the disk failed"));
          this.#closing?.();
        });
      });
    });
  }

  #takeFailure(): "kept" | "lost" | undefined {
    const failing = this.#disk.failingWrite;
    this.#disk.failingWrite = undefined;
    return failing;
  }

  /** Makes a commit durable: all of it at once. */
  apply(writes: readonly Write[]): void {
    void this.#disk.durable.write(writes);
  }

  read(range: ReadRange): Promise<readonly Entry[]> {
    if (this.#dead) return forever();
    const { time, durable, random } = this.#disk;
    const early = random.chance(0.5) ? durable.read(range) : undefined;
    return new Promise((resolve, reject) => {
      time.in(this.#disk.readUs(), () => {
        if (this.#dead) return;
        const failing = this.#disk.failingRead;
        this.#disk.failingRead = false;
        if (failing) reject(new Error("the disk failed to read"));
        else resolve(early ?? durable.read(range));
      });
    });
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#dead ? undefined : this.#disk.durable.get(key);
  }

  #later<Result>(task: () => Result): Promise<Result> {
    if (this.#dead) return forever();
    return new Promise((resolve) => {
      this.#disk.time.in(this.#disk.readUs(), () => {
        if (!this.#dead) resolve(task());
      });
    });
  }

  open(): Promise<void> {
    return this.#later(() => undefined);
  }

  clear(ranges: readonly KeyRange[]): Promise<void> {
    return this.#later(() => void this.#disk.durable.clear(ranges));
  }

  reclaim(): Promise<void> {
    return this.#later(() => undefined);
  }

  spareBytes(): Promise<number> {
    return this.#later(() => (this.#disk.full ? -1 : Number.POSITIVE_INFINITY));
  }

  /** Of what is durable. */
  async snapshot(): Promise<StoreSnapshot> {
    return await this.#later(() => this.#disk.durable.snapshot());
  }

  /** Waits for the write under way. */
  async close(): Promise<void> {
    if (this.#unsynced.length > 0) {
      await new Promise<void>((resolve) => {
        this.#closing = resolve;
      });
      this.#closing = undefined;
    }
    await this.#later(() => undefined);
  }
}
