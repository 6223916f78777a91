import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DiskSpace } from "../disk-space.js";
import { LevelStore } from "../level-store.js";
import { Scavenger } from "../scavenger.js";
import { examineTables } from "./examine-tables.js";
import { mendTables } from "./mend-tables.js";

const ALL = { from: Buffer.of(0), to: Buffer.of(0xff), entriesMax: 10_000, bytesMax: 1e9 };
const KEYS = 600;
const PLACES = 60;
const MENDED = 15;

let parent: string;
let directory: string;

const storeIn = (path: string): LevelStore => new LevelStore({ directory: path, scavenger: new Scavenger(), space: new DiskSpace(path) });
const keyOf = (number: number): Buffer => Buffer.from(`key ${String(number).padStart(6, "0")}`);
const bytesOf = (number: number): Buffer => createHash("sha512").update(String(number)).digest();

beforeEach(async () => {
  parent = mkdtempSync(join(tmpdir(), "holdfast-tables-"));
  directory = join(parent, "data");
  const store = storeIn(directory);
  await store.open();
  await store.write(Array.from({ length: KEYS }, (_, number) => ({ key: keyOf(number), value: bytesOf(number) })));
  await store.close();
  // A log with too little for a table is made one when the store is opened.
  await (await opened(directory)).close();
});
afterEach(() => rmSync(parent, { recursive: true }));

async function opened(path: string): Promise<LevelStore> {
  const store = storeIn(path);
  await store.open();
  return store;
}

function tableIn(path: string): string {
  const names = readdirSync(path).filter((found) => found.endsWith(".ldb"));
  expect(names).toHaveLength(1);
  return join(path, names[0] ?? "");
}

/** The directory with a byte of its table changed. */
function flipped(at: number): string {
  const path = join(parent, "copy");
  rmSync(path, { recursive: true, force: true });
  cpSync(directory, path, { recursive: true });
  const bytes = readFileSync(tableIn(path));
  bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  writeFileSync(tableIn(path), bytes);
  return path;
}

/** What a store has, read in order and one by one; each must be as it was written. */
async function numbersIn(path: string): Promise<Set<number>> {
  const store = await opened(path);
  try {
    const numbers = new Set<number>();
    for (const [key, value] of await store.read(ALL)) {
      const number = Number(Buffer.from(key).subarray(-6).toString());
      expect(keyOf(number).equals(key) && bytesOf(number).equals(value), String(number)).toBe(true);
      numbers.add(number);
    }
    for (let number = 0; number < KEYS; number++) expect(store.get(keyOf(number)) !== undefined, String(number)).toBe(numbers.has(number));
    return numbers;
  } finally {
    await store.close();
  }
}

describe("LevelDB's tables", () => {
  it("P1: show a changed byte wherever it matters", async () => {
    const { size } = statSync(tableIn(directory));
    expect(await examineTables(directory)).toEqual([]);
    const harmless: number[] = [];
    for (let place = 0; place < PLACES; place++) {
      const at = Math.floor(((place + 0.5) * size) / PLACES);
      const found = await examineTables(flipped(at));
      if (found.length === 0) harmless.push(at);
      else expect(found).toEqual([{ name: tableIn(directory).slice(directory.length + 1), at: expect.any(Number) }]);
    }
    for (let at = size - 48; at < size; at++) if ((await examineTables(flipped(at))).length === 0) harmless.push(at);
    // Between the places of two blocks and what shows that it is a footer there is nothing.
    expect(harmless.length).toBeLessThanOrEqual(48 - 8 - 4);
    for (const at of harmless) expect(at, "in the footer").toBeGreaterThanOrEqual(size - 48);
    expect((await numbersIn(flipped(harmless[0] ?? 0))).size).toBe(KEYS);
  });

  it("are none where there is no directory", async () => {
    expect(await examineTables(join(parent, "none"))).toEqual([]);
  });

  it("can be read again without the block that was damaged, and have all the others have", async () => {
    const { size } = statSync(tableIn(directory));
    const left: number[] = [];
    for (let place = 0; place < MENDED; place++) {
      const path = flipped(Math.floor(((place + 0.5) * size) / MENDED));
      await mendTables(path);
      expect(await examineTables(path)).toEqual([]);
      expect(statSync(tableIn(path)).size).toBe(size);
      left.push((await numbersIn(path)).size);
    }
    // A block has 4 KiB: some 50 of them. The filter and the places of blocks are the rest.
    expect(Math.min(...left)).toBeGreaterThan(KEYS - 60);
    expect(left.filter((count) => count < KEYS).length).toBeGreaterThan(MENDED / 2);
  });

  it("have nothing any more when they were cut, and can be read", async () => {
    const { size } = statSync(tableIn(directory));
    for (const left of [0, 1, Math.floor(size / 2), size - 1]) {
      const path = join(parent, "cut");
      rmSync(path, { recursive: true, force: true });
      cpSync(directory, path, { recursive: true });
      truncateSync(tableIn(path), left);
      await expect(opened(path)).rejects.toThrow(`has ${left} bytes of ${size}`);
      expect(await mendTables(path)).toBe(1);
      expect(await examineTables(path)).toEqual([]);
      expect(await numbersIn(path)).toEqual(new Set());
    }
  });

  it("lose all or nothing when their footer is damaged, and can be read", async () => {
    const { size } = statSync(tableIn(directory));
    const left: number[] = [];
    for (let at = size - 48; at < size - 28; at++) {
      const path = flipped(at);
      const damaged = await examineTables(path);
      expect(await mendTables(path)).toBe(damaged.length);
      expect(await examineTables(path), `byte ${at - size}`).toEqual([]);
      const { size: found } = await numbersIn(path);
      expect([0, KEYS], `byte ${at - size}`).toContain(found);
      if (damaged.length > 0) left.push(found);
    }
    // Where the place of the filter is damaged, and where that of the index is.
    expect(new Set(left)).toEqual(new Set([0, KEYS]));
  });

  it("have nothing any more when it cannot be said where their blocks are, and lose only a filter when that is damaged", async () => {
    const bytes = readFileSync(tableIn(directory));
    const footer = bytes.length - 48;
    const ofFooter = flipped(bytes.length - 1);
    await mendTables(ofFooter);
    expect(await numbersIn(ofFooter)).toEqual(new Set());
    // The index is the last thing before the footer.
    const ofIndex = flipped(footer - 1);
    await mendTables(ofIndex);
    expect(await numbersIn(ofIndex)).toEqual(new Set());
    const filterAt = bytes.indexOf("filter.leveldb.BuiltinBloomFilter2");
    for (const at of [filterAt, filterAt - 20]) {
      const path = flipped(at);
      expect(await examineTables(path)).toHaveLength(1);
      await mendTables(path);
      expect(await examineTables(path)).toEqual([]);
      expect((await numbersIn(path)).size).toBe(KEYS);
    }
  });
});
