import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Entry, ReadRange, Store, StoreSnapshot, Write } from "../../../store.js";
import { MemoryStore } from "../../memory/memory-store.js";
import { FILE_BYTES, FragileMachine } from "../fragile/fragile-machine.js";
import { JournaledStore } from "./journaled-store.js";
import type { JournalFiles } from "./open-files.js";

/** A file is moved in several steps. */
const MOVED_BYTES = 500;

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-journal-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Does not share what the caller overwrites later. */
class CopyingStore extends MemoryStore {
  override write(writes: readonly Write[]): Promise<void> {
    return super.write(writes.map(({ key, value }) => ({ key, value: value && Buffer.from(value) })));
  }
}

/** A store below that takes its time: a write is let through when the test says so. */
class SlowStore extends CopyingStore {
  readonly waiting: (() => void)[] = [];
  slow = false;
  failure: Error | undefined;
  writes = 0;

  override async write(writes: readonly Write[]): Promise<void> {
    if (this.slow) await new Promise<void>((resolve) => this.waiting.push(resolve));
    if (this.failure !== undefined) throw this.failure;
    this.writes += writes.length;
    await super.write(writes);
  }

  letThrough(): void {
    for (const go of this.waiting.splice(0)) go();
  }
}

/** A store below whose disk may be full. */
class FullStore extends SlowStore {
  spare = Number.POSITIVE_INFINITY;

  override async spareBytes(): Promise<number> {
    return this.spare;
  }
}

/** Begins a first life. The first commit of a store goes to the one below, at once. */
async function begun(base: Store): Promise<JournaledStore> {
  const store = journaled(base);
  await store.open();
  await store.write([{ key: Buffer.of(0xff), value: Buffer.of(1) }]);
  return store;
}

/** Begins a later life, whose files have all the room that they get: no commit has to wait until the store below notes it. */
async function continued(base: Store): Promise<JournaledStore> {
  const before = await begun(base);
  while (statSync(join(directory, "journal-b")).size < FILE_BYTES) await before.write([put(KEYS - 1, "x".repeat(300))]);
  await before.write([remove(KEYS - 1)]);
  await before.close();
  const store = journaled(base);
  await store.open();
  return store;
}

const journaled = (base: Store): JournaledStore => new JournaledStore({ base, directory, fileBytes: FILE_BYTES, movedBytes: MOVED_BYTES });

/** Keys of four queues and two kinds, some of them no longer than the prefix that kinds have in common. */
const keyOf = (number: number): Buffer => {
  const prefix = [0x20 + (number % 2), 0, 0, 0, (number >> 1) % 4];
  return Buffer.from(number % 5 === 0 ? prefix : [...prefix, number >> 3]);
};
const KEYS = 64;
const ALL = { from: Buffer.of(0x01), to: Buffer.of(0xff), entriesMax: 10_000, bytesMax: 10_000_000 };

const shown = (entries: readonly Entry[]): string[] =>
  entries.map(([key, value]) => `${Buffer.from(key).toString("hex")}=${value.length} bytes of ${value[0]}`);

const put = (number: number, value: string): Write => ({ key: keyOf(number), value: Buffer.from(value) });
const remove = (number: number): Write => ({ key: keyOf(number), value: undefined });

type Step =
  | { readonly kind: "write"; readonly writes: readonly { key: number; bytes: number | undefined }[] }
  | { readonly kind: "clear" | "reclaim"; readonly from: number; readonly to: number }
  | { readonly kind: "read"; readonly from: number; readonly to: number; entriesMax: number; bytesMax: number; reverse: boolean }
  | { readonly kind: "slow" }
  | { readonly kind: "letOneThrough" }
  | { readonly kind: "snapshot" }
  | { readonly kind: "crash" };

const keyNumber = fc.nat(KEYS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("write" as const),
      writes: fc.array(
        fc.record({ key: keyNumber, bytes: fc.option(fc.oneof(fc.nat(100), fc.integer({ min: 500, max: 900 })), { nil: undefined }) }),
        { minLength: 1, maxLength: 8 },
      ),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("read" as const),
      from: keyNumber,
      to: keyNumber,
      entriesMax: fc.integer({ min: 1, max: 12 }),
      bytesMax: fc.integer({ min: 1, max: 2_000 }),
      reverse: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("clear" as const, "reclaim" as const), from: keyNumber, to: keyNumber }) },
  { weight: 2, arbitrary: fc.constant({ kind: "slow" as const }) },
  { weight: 4, arbitrary: fc.constant({ kind: "letOneThrough" as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: "snapshot" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "crash" as const }) },
);

/** A snapshot that was asked for. */
interface Asked {
  readonly taken: Promise<StoreSnapshot>;
  /** What the plain store had then, and after each step since. */
  readonly states: string[][];
  /** Ranges that were cleared since. */
  readonly cleared: (readonly [from: string, to: string])[];
}

/** Does the same to a journaled store and to a plain one. */
class Pair {
  readonly base = new SlowStore();
  readonly plain = new CopyingStore();
  /** Its files never keep anybody waiting, so whoever waits does so for the store below. */
  readonly #machine = new FragileMachine(() => 0.9);
  store = this.#opening();
  #values = 0;
  #snapshots: Asked[] = [];

  #opening(): JournaledStore {
    const openFiles = async (): Promise<JournalFiles> => this.#machine.start(Number.POSITIVE_INFINITY).files;
    return new JournaledStore({ base: this.base, directory, fileBytes: FILE_BYTES, movedBytes: MOVED_BYTES, openFiles });
  }

  async run(steps: readonly Step[]): Promise<void> {
    await this.store.open();
    for (const each of steps) {
      await this.#do(each);
      expect(shown(await this.store.read(ALL)), JSON.stringify(each)).toEqual(shown(await this.plain.read(ALL)));
      for (let key = 0; key < KEYS; key += 7) expect(this.store.get(keyOf(key))).toEqual(this.plain.get(keyOf(key)));
      const state = shown(await this.plain.read(ALL));
      for (const { states } of this.#snapshots) states.push(state);
    }
    this.#speedUp();
    for (const asked of this.#snapshots) await checkSnapshot(asked);
    await this.store.close();
  }

  async #do(each: Step): Promise<void> {
    if (each.kind === "slow") this.base.slow = true;
    else if (each.kind === "snapshot") {
      this.#snapshots.push({ taken: this.store.snapshot(), states: [shown(await this.plain.read(ALL))], cleared: [] });
    } else if (each.kind === "write") await this.#write(each.writes);
    else if (each.kind === "crash") await this.#crash();
    else if (each.kind === "letOneThrough") {
      this.base.waiting.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    } else {
      const [from, to] = [keyOf(each.from), keyOf(each.to)].sort(Buffer.compare) as [Buffer, Buffer];
      if (each.kind === "read") {
        const range: ReadRange = { ...each, from, to };
        expect(shown(await this.store.read(range)), JSON.stringify(each)).toEqual(shown(await this.plain.read(range)));
      } else {
        this.#speedUp();
        if (each.kind === "clear") {
          for (const { cleared } of this.#snapshots) cleared.push([from.toString("hex"), to.toString("hex")]);
          await this.plain.clear([{ from, to }]);
        }
        if (each.kind === "clear") await this.store.clear([{ from, to }]);
        else await this.store.reclaim(from, to);
      }
    }
  }

  async #write(asked: readonly { key: number; bytes: number | undefined }[]): Promise<void> {
    const known = new Set(shown(await this.plain.read(ALL)).map((entry) => entry.split("=")[0]));
    const writes = asked.map(({ key: number, bytes }): Write => {
      const key = keyOf(number);
      const fresh = !known.has(key.toString("hex"));
      if (bytes === undefined) known.delete(key.toString("hex"));
      else known.add(key.toString("hex"));
      return bytes === undefined ? { key, value: undefined } : { key, value: Buffer.alloc(bytes, ++this.#values), fresh };
    });
    await this.plain.write(writes);
    const written = this.store.write(writes);
    // With both files full it waits for the store below.
    const waits = await Promise.race([written.then(() => false), new Promise((resolve) => setImmediate(resolve, true))]);
    if (waits === true) this.#speedUp();
    await written;
    // Whoever wrote may change what it wrote by now.
    for (const { value } of writes) value?.fill(0xee);
  }

  #speedUp(): void {
    this.base.slow = false;
    this.base.letThrough();
  }

  /** What the store below did not get by now, it never gets. */
  async #crash(): Promise<void> {
    this.base.waiting.length = 0;
    this.base.slow = false;
    this.#snapshots = [];
    this.store = this.#opening();
    await this.store.open();
  }
}

/**
 * It has what the store had at one of these moments, page by page too, and the journal's mark is not in it. A range is not
 * cleared at one moment: of one that was being cleared it may have any part.
 */
async function checkSnapshot({ taken, states, cleared }: Asked): Promise<void> {
  const snapshot = await taken;
  const whole = shown(await snapshot.read(ALL));
  const isClear = (entry: string): boolean => {
    const [key = ""] = entry.split("=");
    return cleared.some(([from, to]) => from <= key && key < to);
  };
  const kept = (entries: readonly string[]): string[] => entries.filter((entry) => !isClear(entry));
  expect(states.map(kept)).toContainEqual(kept(whole));
  expect(states.flat()).toEqual(expect.arrayContaining(whole));
  const pages: Entry[] = [];
  for (let from: Uint8Array = Buffer.of(0x00), page: readonly Entry[]; ; from = Buffer.concat([page.at(-1)?.[0] ?? from, Buffer.of(0)])) {
    page = await snapshot.read({ ...ALL, from, entriesMax: 5, bytesMax: 700 });
    if (page.length === 0) break;
    pages.push(...page);
  }
  expect(shown(pages)).toEqual(whole);
  expect(shown(await snapshot.read({ ...ALL, reverse: true }))).toEqual(whole.toReversed());
  await snapshot.close();
}

describe("a journaled store", () => {
  test("has what a plain one has, whatever is done to it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), async (steps) => {
        await new Pair().run(steps);
      }),
      { numRuns: 100 },
    );
  }, 60_000);

  test("refuses a snapshot that a full disk has no room for, and goes on", async () => {
    const base = new FullStore();
    const store = await begun(base);
    await store.write([put(1, "before")]);
    base.spare = -1;
    base.failure = new Error("ENOSPC: no space left on device, write");
    await expect(store.snapshot()).rejects.toMatchObject({ code: "DISK_FULL" });
    await store.write([put(2, "meanwhile")]);
    base.spare = Number.POSITIVE_INFINITY;
    base.failure = undefined;
    const snapshot = await store.snapshot();
    expect(shown(await snapshot.read(ALL))).toEqual(shown(await store.read(ALL)));
    await snapshot.close();
    await store.close();
  });

  test("never bothers the store below with what goes before its file is full", async () => {
    const base = new SlowStore();
    const store = await begun(base);
    for (let round = 0; round < 200; round++) {
      await store.write([{ ...put(round % 32, "short-lived"), fresh: true }]);
      await store.write([remove(round % 32)]);
    }
    await store.write([put(40, "stays")]);
    await store.close();
    expect(base.writes, "only the mark, once for each file, and its sizes").toBeLessThan(20 + 2 * 4);
    expect(shown(await base.read(ALL))).toEqual([]);
  });

  test("does not bring back, while a file is moved, what was put in it and deleted since", async () => {
    const base = new SlowStore();
    const store = await continued(base);
    base.slow = true;
    let count = 0;
    while (base.waiting.length === 0) await store.write([{ ...put(count++, "x".repeat(300)), fresh: true }]);
    const deleted = Array.from({ length: count - 2 }, (_, number) => number);
    await store.write(deleted.map(remove));
    const left = shown(await store.read(ALL));
    expect(left).toHaveLength(2);
    while (base.waiting.length > 0) {
      base.waiting.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
      expect(deleted.filter((number) => store.get(keyOf(number)) !== undefined)).toEqual([]);
      expect(shown(await store.read(ALL))).toEqual(left);
    }
    base.slow = false;
    await store.close();
  });

  test("moves what its files hold when the disk has no room for it beside, though nobody writes any more", async () => {
    const base = new SlowStore();
    base.spareBytes = async () => 1_000;
    const store = await begun(base);
    while ((await store.spareBytes()) >= 0) await store.write([put(1, "x".repeat(100))]);
    await vi.waitFor(async () => expect(await store.spareBytes()).toBe(1_000));
    await store.close();
  });

  test("gives back the room of what was put anew since, or deleted, and tells the store below nothing else", async () => {
    const base = new SlowStore();
    const first = await begun(base);
    for (const number of [1, 2, 3]) await first.write([put(number, "large".repeat(100))]);
    await first.close();
    const store = journaled(base);
    await store.open();
    await store.write([put(1, "small"), remove(2), { ...put(4, "new"), fresh: true }]);
    await store.reclaim(ALL.from, ALL.to);
    expect(shown(await base.read({ ...ALL, to: Buffer.of(0xfe) })).sort()).toEqual([
      `${keyOf(1).toString("hex")}=5 bytes of 115`,
      `${keyOf(3).toString("hex")}=500 bytes of 108`,
    ]);
    await store.close();
  });

  test("is closed for whoever closes it a second time when it is for the first", async () => {
    const base = new SlowStore();
    const store = await continued(base);
    base.slow = true;
    while (base.waiting.length === 0) await store.write([put(1, "x".repeat(300))]);
    const closed: number[] = [];
    const both = [1, 2].map((time) => store.close().then(() => closed.push(time)));
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toEqual([]);
    base.slow = false;
    base.letThrough();
    await Promise.all(both);
  });

  test("stops for good when the store below fails", async () => {
    const base = new SlowStore();
    const store = await begun(base);
    base.failure = new Error("the disk is gone");
    const writing = async (): Promise<void> => {
      for (;;) await store.write([put(1, "x".repeat(200))]);
    };
    await expect(writing()).rejects.toThrow("the disk is gone");
    base.failure = undefined;
    await expect(store.write([put(2, "two")])).rejects.toThrow("the disk is gone");
    await store.close();
    const next = journaled(base);
    await next.open();
    expect(next.get(keyOf(1))).toEqual(Buffer.from("x".repeat(200)));
    await next.close();
  });

  test("writes a commit past the journal that is larger than its files", async () => {
    const base = new MemoryStore();
    const store = await begun(base);
    await store.write([put(1, "one")]);
    await store.write([put(1, "large".repeat(FILE_BYTES))]);
    await store.write([put(2, "two")]);
    const next = journaled(base);
    await next.open();
    expect(next.get(keyOf(1))).toEqual(Buffer.from("large".repeat(FILE_BYTES)));
    expect(next.get(keyOf(2))).toEqual(Buffer.from("two"));
    await next.close();
  });
});
