import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Entry, Store, Write } from "../../../store.js";
import { MemoryStore } from "../../memory/memory-store.js";
import { JournaledStore } from "./journaled-store.js";
import { ALIGNMENT, HEADER_BYTES, RecordPacker, recordBytes } from "./record.js";

const FILE_BYTES = 8_192;
/** Where the store below has how long the files were. */
const NOTES = { from: Buffer.of(0x00, 0x03), to: Buffer.of(0x00, 0x04) };
const ALL = { from: Buffer.of(0x00), to: Buffer.of(0xff), entriesMax: 10_000, bytesMax: 10_000_000 };

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-damage-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const keyOf = (number: number): Buffer => Buffer.of(0x20, 0, 0, 0, 1, number);
const put = (number: number, value: string | Buffer): Write => ({ key: keyOf(number), value: Buffer.from(value) });

const journaled = (base: Store, at = directory): JournaledStore => new JournaledStore({ base, directory: at, fileBytes: FILE_BYTES });
const file = (name = "journal-a"): string => join(directory, name);

/** What a store has by now; no later change of it is seen. */
async function copyOf(store: Store): Promise<MemoryStore> {
  const copy = new MemoryStore();
  await copy.write((await store.read(ALL)).map(([key, value]) => ({ key, value })));
  return copy;
}

async function opened(base: Store, at = directory): Promise<JournaledStore> {
  const store = journaled(base, at);
  await store.open();
  // The first commit goes to the store below.
  if (base.get(keyOf(0)) === undefined) await store.write([put(0, "first")]);
  return store;
}

const shown = (entries: readonly Entry[]): string[] =>
  entries.filter(([key]) => key[0] !== 0).map(([key, value]) => `${key[5]}=${Buffer.from(value).toString()}`);

/** What a store has that is opened on a copy of the one below. */
async function reopened(base: Store): Promise<string[]> {
  const store = journaled(await copyOf(base));
  await store.open();
  const found = shown(await store.read(ALL));
  await store.close();
  return found;
}

/** Up to the last byte that is not 0, so that to cut there cuts the last record. */
const usedBytes = (): number => readFileSync(file()).findLastIndex((byte) => byte !== 0) + 1;

describe("a journal that was damaged", () => {
  test("has after a crash what was confirmed, and nothing of a record that is cut off", async () => {
    const base = new MemoryStore();
    const store = await opened(base);
    await store.write([put(1, "one"), put(2, "two")]);
    const before = usedBytes();
    await store.write([put(3, "three"), { key: keyOf(1), value: undefined }]);
    const crashed = await copyOf(base);
    await store.close();
    const whole = readFileSync(file());
    for (let cut = before; cut < whole.findLastIndex((byte) => byte !== 0) + 1; cut++) {
      writeFileSync(file(), Buffer.from(whole).fill(0, cut));
      expect(await reopened(crashed), `cut at ${cut}`).toEqual(["0=first", "1=one", "2=two"]);
    }
    writeFileSync(file(), whole);
    expect(await reopened(crashed)).toEqual(["0=first", "2=two", "3=three"]);
  });

  test("is not opened when the last records are missing of one that was closed", async () => {
    const base = new MemoryStore();
    const store = await opened(base);
    await store.write([put(1, "one")]);
    const before = usedBytes();
    await store.write([put(2, "two")]);
    await store.close();
    const whole = readFileSync(file());
    const missing = (number: number): string => `the journal is damaged: record ${number} is missing at the end, expected all before 3`;
    for (const end of [0, HEADER_BYTES, before - 1]) {
      writeFileSync(file(), Buffer.from(whole).fill(0, end));
      await expect(reopened(base), `cut at ${end}`).rejects.toThrow(missing(1));
    }
    writeFileSync(file(), Buffer.from(whole).fill(0, before));
    await expect(reopened(base)).rejects.toThrow(missing(2));
    writeFileSync(file(), Buffer.from(whole).fill(0xff, before));
    await expect(reopened(base)).rejects.toThrow(missing(2));
    writeFileSync(file(), whole);
    expect(await reopened(base)).toEqual(["0=first", "1=one", "2=two"]);
  });

  test("is not opened after a crash when records are missing that were there when a file was moved", async () => {
    const base = new MemoryStore();
    const store = await opened(base);
    for (let number = 1; number < 200; number++) await store.write([put(1, `${number}${"x".repeat(100)}`)]);
    const crashed = await copyOf(base);
    await store.close();
    for (const name of ["journal-a", "journal-b"]) writeFileSync(file(name), Buffer.alloc(FILE_BYTES));
    await expect(reopened(crashed)).rejects.toThrow(/the journal is damaged: record \d+ is missing at the end, expected all before \d+/);
  });

  test("is not opened after a crash when a file is shorter than it was, whatever it has", async () => {
    const base = new MemoryStore();
    const store = await opened(base);
    await store.write([put(1, "one")]);
    const crashed = await copyOf(base);
    await store.close();
    const whole = readFileSync(file());
    for (const bytes of [0, HEADER_BYTES, usedBytes(), whole.length - 1]) {
      writeFileSync(file(), whole.subarray(0, bytes));
      const cut = `the journal is damaged: journal-a has ${bytes} bytes, expected ${whole.length} or more`;
      for (let time = 0; time < 2; time++) await expect(reopened(crashed), `${bytes} bytes`).rejects.toThrow(cut);
    }
    writeFileSync(file(), whole);
    expect(await reopened(crashed)).toEqual(["0=first", "1=one"]);
  });

  test("is not opened after a crash when the file is shorter that was grown last", async () => {
    const base = new MemoryStore();
    const store = await opened(base);
    while (readFileSync(file("journal-b")).length === 0) await store.write([put(1, "x".repeat(500))]);
    const crashed = await copyOf(base);
    await store.close();
    writeFileSync(file("journal-b"), "");
    await expect(reopened(crashed)).rejects.toThrow(/the journal is damaged: journal-b has 0 bytes, expected \d+ or more/);
  });

  test("of a program that did not note how long its files were is opened, and its files are noted as they are used", async () => {
    const base = new MemoryStore();
    const store = await opened(base);
    await store.write([put(1, "one")]);
    await store.close();
    const before = await copyOf(base);
    await before.clear([NOTES]);
    const later = await opened(before);
    await later.write([put(2, "two")]);
    const crashed = await copyOf(before);
    await later.close();
    writeFileSync(file(), "");
    await expect(reopened(crashed)).rejects.toThrow("the journal is damaged: journal-a has 0 bytes, expected");
  });

  test("is opened after lives that were closed and crashed in turn", async () => {
    const base = new MemoryStore();
    const expected = ["0=first"];
    for (let life = 1; life < 7; life++) {
      const store = await opened(base);
      await store.write([put(life, "more")]);
      expected.push(`${life}=more`);
      if (life % 3 !== 0) await store.close();
      expect(await reopened(base), `life ${life}`).toEqual(expected);
    }
  });

  test("is not opened when a record is not whole that others follow", async () => {
    const base = new MemoryStore();
    const store = await opened(base);
    await store.write([put(1, "one")]);
    await store.write([put(2, "two")]);
    await store.close();
    const bytes = readFileSync(file());
    bytes[40] = (bytes[40] ?? 0) ^ 1;
    writeFileSync(file(), bytes);
    await expect(reopened(base)).rejects.toThrow("the journal is damaged: record 1 is not whole, but record 2 is");
  });

  describe("after both files were filled", () => {
    let base = new MemoryStore();
    let expected: string[] = [];
    beforeEach(async () => {
      base = new MemoryStore();
      const store = await opened(base);
      // As if nothing had been moved by the time of the crash.
      const early = await copyOf(base);
      for (let number = 1; number < 80; number++) await store.write([put(number, "x".repeat(100))]);
      expected = shown(await store.read(ALL));
      await store.close();
      base = early;
    });

    test("is read in the order of its records, whatever the files are called", async () => {
      renameSync(file(), file("swapped"));
      renameSync(file("journal-b"), file());
      renameSync(file("swapped"), file("journal-b"));
      expect(await reopened(base)).toEqual(expected);
    });

    test("is not opened when the records of a file are missing", async () => {
      writeFileSync(file(), Buffer.alloc(FILE_BYTES));
      await expect(reopened(base)).rejects.toThrow(/the journal is damaged: record 1 is missing before \d+/);
    });

    test("is not opened when a file is cut short that another one follows", async () => {
      writeFileSync(file(), readFileSync(file()).subarray(0, 1_000));
      await expect(reopened(base)).rejects.toThrow(/the journal is damaged: record 6 is missing before \d+/);
    });
  });

  test("is not opened, today or tomorrow, when a file is missing", async () => {
    const base = new MemoryStore();
    const store = await opened(base);
    await store.write([put(1, "one")]);
    await store.close();
    rmSync(file());
    for (let time = 0; time < 2; time++) await expect(reopened(base)).rejects.toThrow(`the journal is damaged: ${file()} is missing`);
  });

  test("is not opened with the files of another store, nor without the store that it belongs to", async () => {
    const other = join(directory, "other");
    const base = new MemoryStore();
    const store = await opened(base);
    await store.write([put(1, "one")]);
    await store.close();
    const foreign = "the journal is damaged: its files are not those of this store";
    await expect(reopened(new MemoryStore())).rejects.toThrow(foreign);

    mkdirSync(other);
    const otherStore = await opened(new MemoryStore(), other);
    await otherStore.write([put(1, "one of the other")]);
    await otherStore.close();
    copyFileSync(join(other, "journal-a"), file());
    await expect(reopened(base)).rejects.toThrow(foreign);
  });

  test("takes nothing in a message for a record", async () => {
    const base = new MemoryStore();
    const store = await opened(base);
    const writes = [put(9, "forged")];
    const forged = new RecordPacker(Buffer.alloc(8)).pack(1_000_000, writes, recordBytes(writes), []);
    // One of them comes to lie where a record can begin.
    const body = Buffer.concat(Array.from({ length: 2 * ALIGNMENT }, () => [forged, Buffer.alloc(1)]).flat());
    await store.write([put(1, body.subarray(0, FILE_BYTES - 200))]);
    await store.close();
    expect((await reopened(base)).map((entry) => entry.slice(0, 2))).toEqual(["0=", "1="]);
  });
});
