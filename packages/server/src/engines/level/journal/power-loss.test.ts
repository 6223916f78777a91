import { expect, test } from "vitest";
import type { Write } from "../../../store.js";
import { BlobStore } from "../blobs/blob-store.js";
import { FILE_BYTES, FragileMachine } from "../fragile/fragile-machine.js";
import type { Faults } from "../fragile/fragile-process.js";
import { JournaledStore } from "./journaled-store.js";

const HISTORIES = 1_000;
const KEYS = 24;
const ALL = { from: Buffer.of(0x01), to: Buffer.of(0xff), entriesMax: 1_000, bytesMax: 10_000_000 };
/** A file is moved in several steps. */
const MOVED_BYTES = 100;

/** Of every second key most values are large. */
const BLOBS = { isLarge: (key: Uint8Array) => key[0] === 0x20, blobBytesMin: 30 };

/** A kind, a queue and a position, as the core's keys are. */
const keyOf = (number: number): Buffer => Buffer.of(0x20 + (number % 2), 0, 0, 0, number % 3, number);

type Model = ReadonlyMap<string, string>;

/** Small and fast, and the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Lives of a store on a machine that is bad luck itself, and what the store must have after each. */
class History {
  readonly #random: () => number;
  readonly #machine: FragileMachine;
  /** What was confirmed, or may have been stored without anybody being told. */
  #possible: readonly Model[] = [new Map()];
  /** What was being deleted as a range, which has to be done again. */
  #clearing: { readonly from: Buffer; readonly to: Buffer } | undefined;
  #values = 0;

  readonly #hasBlobs: boolean;

  constructor(seed: number, hasBlobs: boolean) {
    this.#hasBlobs = hasBlobs;
    this.#random = randomOf(seed);
    this.#machine = new FragileMachine(this.#random);
  }

  #below(end: number): number {
    return Math.floor(this.#random() * end);
  }

  async run(): Promise<void> {
    for (let lives = 2 + this.#below(5); lives > 0; lives--) await this.#live(lives === 1);
  }

  /** @param quiet nothing goes wrong */
  async #live(quiet: boolean): Promise<void> {
    const faults = quiet || this.#random() < 0.6 ? undefined : this.#faults();
    const { base: below, files, blobs } = this.#machine.start(quiet ? Number.POSITIVE_INFINITY : 2 ** (this.#random() * 9), faults);
    const base = this.#hasBlobs ? new BlobStore({ base: below, directory: blobs, ...BLOBS }) : below;
    const openFiles = async () => files;
    const store = new JournaledStore({ base, directory: "", fileBytes: FILE_BYTES, movedBytes: MOVED_BYTES, openFiles });
    const error = await this.#machine.ended(store.open());
    if (error !== undefined && faults === undefined && !this.#machine.isDead) throw error;
    if (error === undefined && !this.#machine.isDead) {
      await this.#checkAll(store);
      await this.#work(store);
      // Closed well or not.
      if (!this.#machine.isDead && this.#random() < 0.5) await this.#machine.ended(store.close());
    }
    if (this.#random() < 0.5) this.#machine.kill();
    else this.#machine.cutPower();
  }

  #faults(): Faults {
    const chance = (): number => (this.#random() < 0.5 ? 0 : this.#random() * 0.2);
    return { write: chance(), sync: chance(), below: chance(), growth: chance() };
  }

  async #checkAll(store: JournaledStore): Promise<void> {
    const found = await contentOf(store);
    const clearing = this.#clearing;
    const inside = (key: string): boolean =>
      clearing !== undefined && key >= clearing.from.toString("hex") && key < clearing.to.toString("hex");
    const outside = (model: Model): string => JSON.stringify([...model].filter(([key]) => !inside(key)).sort());
    expect(this.#possible.map(outside)).toContain(outside(found));
    for (const [key, value] of found) if (inside(key)) expect(this.#possible.map((model) => model.get(key))).toContain(value);
    this.#possible = [found];
  }

  async #work(store: JournaledStore): Promise<void> {
    if (this.#clearing !== undefined && !(await this.#clear(store, this.#clearing))) return;
    for (let left = this.#below(40); left > 0; left--) {
      const chosen = this.#random();
      if (chosen < 0.05) {
        const [from, to] = [keyOf(this.#below(KEYS)), keyOf(this.#below(KEYS))].sort(Buffer.compare) as [Buffer, Buffer];
        if (!(await this.#clear(store, { from, to }))) return;
      } else if (chosen < 0.1) await this.#machine.ended(store.reclaim(ALL.from, ALL.to));
      else if (!(await this.#write(store))) return;
      if (this.#machine.isDead) return;
      const found = JSON.stringify([...(await contentOf(store))]);
      if (found !== JSON.stringify([...(this.#possible[0] as Model)].sort())) throw new Error(`reads ${found}`);
    }
  }

  async #write(store: JournaledStore): Promise<boolean> {
    const before = this.#possible[0] as Model;
    const after = new Map(before);
    const writes: Write[] = [];
    for (let count = 1 + this.#below(5); count > 0; count--) {
      const key = keyOf(this.#below(KEYS));
      const text = key.toString("hex");
      if (this.#random() < 0.4) {
        writes.push({ key, value: undefined });
        after.delete(text);
        continue;
      }
      const bytes = this.#random() < 0.02 ? FILE_BYTES : this.#below(this.#random() < 0.3 ? 900 : 60);
      const value = Buffer.alloc(bytes + 4, ++this.#values);
      writes.push({ key, value, fresh: !after.has(text) });
      after.set(text, value.toString("latin1"));
    }
    this.#possible = [before, after];
    if ((await this.#machine.ended(store.write(writes))) !== undefined || this.#machine.isDead) return false;
    this.#possible = [after];
    return true;
  }

  async #clear(store: JournaledStore, range: { readonly from: Buffer; readonly to: Buffer }): Promise<boolean> {
    this.#clearing = range;
    if ((await this.#machine.ended(store.clear([range]))) !== undefined || this.#machine.isDead) return false;
    this.#clearing = undefined;
    const [from, to] = [range.from.toString("hex"), range.to.toString("hex")];
    this.#possible = this.#possible.map((model) => new Map([...model].filter(([key]) => key < from || key >= to)));
    return true;
  }
}

async function contentOf(store: JournaledStore): Promise<Model> {
  const entries = await store.read(ALL);
  return new Map(entries.map(([key, value]) => [Buffer.from(key).toString("hex"), Buffer.from(value).toString("latin1")]));
}

test.each([
  { what: "a journaled store", hasBlobs: false },
  { what: "one with blob files", hasBlobs: true },
])(
  "$what has what it confirmed, whatever a power cut leaves of the rest",
  async ({ hasBlobs }) => {
    for (let seed = 1; seed <= HISTORIES; seed++) {
      await new History(seed, hasBlobs).run().catch((error: unknown) => {
        throw new Error(`history ${seed} went wrong`, { cause: error });
      });
    }
  },
  120_000,
);
