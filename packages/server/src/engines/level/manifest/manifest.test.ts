import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DiskSpace } from "../disk-space.js";
import { LevelStore } from "../level-store.js";
import { Scavenger } from "../scavenger.js";
import { crc32c, maskedCrc32c } from "../logs/crc32c.js";
import { examineManifest } from "./examine-manifest.js";

/** LevelDB writes a table for about as many. */
const VALUE_BYTES = 100_000;
const ALL = { from: Buffer.of(0), to: Buffer.of(0xff), entriesMax: 10_000, bytesMax: 1e9 };
const BLOCK_BYTES = 32_768;
const HEADER_BYTES = 7;

let directory = "";
let copy = "";

beforeEach(() => {
  const parent = mkdtempSync(join(tmpdir(), "holdfast-manifest-"));
  directory = join(parent, "data");
  copy = join(parent, "copy");
});
afterEach(() => rmSync(join(directory, ".."), { recursive: true }));

const storeIn = (path: string): LevelStore => new LevelStore({ directory: path, scavenger: new Scavenger(), space: new DiskSpace(path) });
const keyOf = (number: number): Buffer => Buffer.of(0x20, number >> 8, number & 0xff);

/** Values that no two tables share. */
async function put(store: LevelStore, from: number, to: number): Promise<void> {
  for (let number = from; number < to; number++) await store.write([{ key: keyOf(number), value: Buffer.alloc(VALUE_BYTES, number) }]);
}

/** A store of so many values, closed. */
async function fill(count: number): Promise<void> {
  const store = storeIn(directory);
  await store.open();
  await put(store, 0, count);
  await store.close();
}

/** How many values a directory has as a store. */
async function countIn(path: string): Promise<number> {
  const store = storeIn(path);
  await store.open();
  try {
    return (await store.read(ALL)).length;
  } finally {
    await store.close();
  }
}

function copied(): void {
  rmSync(copy, { recursive: true, force: true });
  cpSync(directory, copy, { recursive: true });
}

const manifestIn = (path: string): string => join(path, readFileSync(join(path, "CURRENT"), "latin1").trim());
const namesIn = (path: string, extension: string): string[] => readdirSync(path).filter((name) => name.endsWith(extension));

/** Adds a record as LevelDB would, in as many parts as it takes. */
function append(path: string, record: Buffer): void {
  let file = readFileSync(path);
  for (let at = 0, first = true; first || at < record.length; first = false) {
    const room = BLOCK_BYTES - (file.length % BLOCK_BYTES);
    if (room < HEADER_BYTES) file = Buffer.concat([file, Buffer.alloc(room)]);
    const bytes = record.subarray(at, at + BLOCK_BYTES - (file.length % BLOCK_BYTES) - HEADER_BYTES);
    at += bytes.length;
    const last = at === record.length;
    const typed = Buffer.concat([Buffer.of(first ? (last ? 1 : 2) : last ? 4 : 3), bytes]);
    const header = Buffer.alloc(6);
    header.writeUInt32LE(maskedCrc32c(typed));
    header.writeUInt16LE(bytes.length, 4);
    file = Buffer.concat([file, header, typed]);
  }
  writeFileSync(path, file);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

/** A table that took the place of the log before `log`, with a key that makes the record so long. */
const tableInstead = (table: number, log: number, keyBytes = 3): Buffer =>
  Buffer.concat([
    Buffer.from([2, ...varint(log), 3, ...varint(table + 5), 4, ...varint(1000), 7, 0, ...varint(table), ...varint(900_000)]),
    Buffer.from([...varint(keyBytes), ...Buffer.alloc(keyBytes, 1), 3, 1, 2, 3]),
  ]);

describe("a manifest whose last record was being written when power was lost", () => {
  it.each([
    ["in one part", 3],
    ["in three parts", 70_000],
  ])("P1: does not count that record, %s, when its table is not there, or when only a part of it is", async (_, keyBytes) => {
    await fill(3);
    const whole = statSync(manifestIn(directory)).size;
    append(manifestIn(directory), tableInstead(77, 78, keyBytes));
    const end = statSync(manifestIn(directory)).size;
    const step = Math.ceil((end - whole) / 20);
    for (let at = whole; at < end; at += step) {
      copied();
      truncateSync(manifestIn(copy), at);
      expect(await countIn(copy), `cut at ${at}`).toBe(3);
      copied();
      const bytes = readFileSync(manifestIn(copy));
      bytes.fill(0, at, Math.min(end, at + 512));
      writeFileSync(manifestIn(copy), bytes);
      expect(await countIn(copy), `without what is at ${at}`).toBe(3);
    }
    expect(await countIn(directory)).toBe(3);
    expect(await countIn(directory)).toBe(3);
  });

  it("P1: is left alone when the record before it is not all there either", async () => {
    await fill(3);
    append(manifestIn(directory), tableInstead(77, 78));
    append(manifestIn(directory), tableInstead(79, 80));
    copied();
    await expect(countIn(copy)).rejects.toThrow(/is damaged: 000077.ldb is missing/);
    expect(readFileSync(manifestIn(copy))).toEqual(readFileSync(manifestIn(directory)));
    expect(namesIn(copy, ".log")).toEqual(namesIn(directory, ".log"));
  });
});

describe("a store that was damaged", () => {
  it("P1: is not opened with less than it had, wherever its manifest is cut", async () => {
    await fill(45);
    const { size } = statSync(manifestIn(directory));
    expect(namesIn(directory, ".ldb").length).toBeGreaterThan(1);
    let refused = 0;
    for (let at = 0; at < size; at += 7) {
      copied();
      truncateSync(manifestIn(copy), at);
      const count = await countIn(copy).catch((error: unknown) => {
        expect(String(error)).toMatch(/ENGINE_UNAVAILABLE|cannot be used/);
        refused++;
        return 45;
      });
      expect(count, `cut at ${at}`).toBe(45);
    }
    expect(refused).toBeGreaterThan(10);
  });

  it.each([
    ["a table", (): string[] => namesIn(directory, ".ldb").slice(0, 1)],
    ["its log", (): string[] => namesIn(directory, ".log")],
    ["CURRENT", (): string[] => ["CURRENT"]],
  ])("P1: is not opened, and not touched, without %s", async (_, namesOf) => {
    await fill(45);
    for (const name of namesOf()) unlinkSync(join(directory, name));
    const before = readdirSync(directory);
    await expect(countIn(directory)).rejects.toMatchObject({
      code: "ENGINE_UNAVAILABLE",
      message: expect.stringContaining("is damaged: "),
    });
    expect(readdirSync(directory)).toEqual(before);
  });

  it.each(["CURRENT", "a manifest", "a table"])("is not said to be damaged when %s cannot be read", async (what) => {
    await fill(45);
    const path =
      { CURRENT: join(directory, "CURRENT"), "a manifest": manifestIn(directory) }[what] ??
      join(directory, namesIn(directory, ".ldb")[0] ?? "");
    unlinkSync(path);
    // Not even root can read what leads to itself.
    symlinkSync(path, path);
    await expect(countIn(directory)).rejects.toMatchObject({
      code: "ENGINE_UNAVAILABLE",
      message: expect.stringMatching(/^directory \S+ cannot be used: ELOOP/),
    });
  });

  it("P1: is not opened with a table that was cut", async () => {
    await fill(45);
    const [name = ""] = namesIn(directory, ".ldb");
    truncateSync(join(directory, name), 1_000);
    await expect(countIn(directory)).rejects.toThrow(new RegExp(`${name} has 1000 bytes of`));
  });
});

it("is opened by one of two that begin it at once", async () => {
  for (let round = 0; round < 20; round++) {
    const path = `${directory}-${round}`;
    const stores = [storeIn(path), storeIn(path)];
    const opened = await Promise.allSettled(stores.map((store) => store.open()));
    const refused = opened.filter((outcome) => outcome.status === "rejected");
    expect(refused).toHaveLength(1);
    expect(String(refused[0]?.reason)).toContain("is used by another process");
    for (const store of stores) await store.close();
  }
});

describe("a manifest that is being written", () => {
  it("says nothing bad of a store that somebody else uses", async () => {
    const store = storeIn(directory);
    await store.open();
    let isWriting = true;
    const written = put(store, 0, 400).finally(() => {
      isWriting = false;
    });
    let looks = 0;
    for (; isWriting; looks++) expect(await examineManifest(directory)).not.toHaveProperty("damage");
    await written;
    expect(looks).toBeGreaterThan(10);
    await expect(countIn(directory)).rejects.toThrow("is used by another process");
    await store.close();
    expect(await countIn(directory)).toBe(400);
  });

  it("is read as LevelDB does, over many blocks", async () => {
    const level = new ClassicLevel<Uint8Array, Uint8Array>(directory, {
      keyEncoding: "view",
      valueEncoding: "view",
      compression: false,
      writeBufferSize: 65_536,
    });
    await level.open();
    // A table's first and last key are in the manifest.
    for (let number = 0; number < 60; number++) await level.put(Buffer.alloc(9_000, number), Buffer.alloc(70_000, number));
    await level.close();
    expect(statSync(manifestIn(directory)).size).toBeGreaterThan(5 * BLOCK_BYTES);
    const { tables, ...found } = await examineManifest(directory);
    expect(found).toEqual({});
    expect(tables.size).toBeGreaterThan(50);
    expect(readdirSync(directory)).toEqual(expect.arrayContaining([...tables.keys()]));
    for (const [name, bytes] of tables) expect(statSync(join(directory, name)).size).toBe(bytes);
    expect(await countIn(directory)).toBe(60);
  });
});

it("knows CRC-32C", () => {
  // RFC 3720, appendix B.4.
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a91_36aa);
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8_ab43);
  expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, at) => at)))).toBe(0x46dd_794e);
});
