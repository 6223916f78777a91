import { randomBytes } from "node:crypto";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DiskSpace } from "../disk-space.js";
import { LevelStore } from "../level-store.js";
import { Scavenger } from "../scavenger.js";
import { examineLogs } from "./examine-logs.js";
import { BLOCK_BYTES } from "./log-parts.js";

const ALL = { from: Buffer.of(0), to: Buffer.of(0xff), entriesMax: 10_000, bytesMax: 1e9 };
/** Records within a block, over its end, and over several. */
const SIZES = [100, 3_000, 20_000, 40_000, 7, 100_000, 500, 9_000];

let parent: string;
let directory: string;

const storeIn = (path: string, tolerant = false): LevelStore =>
  new LevelStore({ directory: path, scavenger: new Scavenger(), space: new DiskSpace(path), tolerant });
const keyOf = (number: number): Buffer => Buffer.of(0x20, number);

beforeEach(async () => {
  parent = mkdtempSync(join(tmpdir(), "holdfast-logs-"));
  directory = join(parent, "data");
  const store = storeIn(join(parent, "running"));
  await store.open();
  for (const [number, bytes] of SIZES.entries()) await store.write([{ key: keyOf(number), value: randomBytes(bytes) }]);
  // As a process leaves it that is killed.
  cpSync(join(parent, "running"), directory, { recursive: true });
  await store.close();
});
afterEach(() => rmSync(parent, { recursive: true }));

function logIn(path: string): string {
  const [name = ""] = readdirSync(path).filter((found) => found.endsWith(".log"));
  return join(path, name);
}

/** How many values a store has, or why it does not open. */
async function look(path: string, tolerant = false): Promise<number | string> {
  const store = storeIn(path, tolerant);
  try {
    await store.open();
    return (await store.read(ALL)).length;
  } catch (error) {
    return String((error as Error).message);
  } finally {
    await store.close();
  }
}

/** The directory with another log. */
function withLog(bytes: Buffer): string {
  const path = join(parent, "copy");
  rmSync(path, { recursive: true, force: true });
  cpSync(directory, path, { recursive: true });
  writeFileSync(logIn(path), bytes);
  return path;
}

describe("LevelDB's logs", () => {
  it("P1: are refused when anything but the last record of the newest one is damaged, and nothing is lost silently", async () => {
    const log = readFileSync(logIn(directory));
    const last = SIZES.at(-1) ?? 0;
    for (let at = 0; at < log.length - last - 100; at += 1 + Math.floor(log.length / 40)) {
      const flipped = Buffer.from(log);
      flipped[at] = (flipped[at] ?? 0) ^ 0x10;
      const path = withLog(flipped);
      expect(await look(path), `byte ${at}`).toMatch(/^directory .* cannot be used: it is damaged: \d+\.log is damaged at byte \d+$/);
      expect(Buffer.compare(readFileSync(logIn(path)), flipped), "and left as it is").toBe(0);
    }
  });

  it("P1: are refused for a flipped length, too, at every header of the first block", async () => {
    const log = readFileSync(logIn(directory));
    for (let at = 0; at + 7 <= BLOCK_BYTES; at += 7 + log.readUInt16LE(at + 4)) {
      for (const byte of [0, 4, 5, 6]) {
        const flipped = Buffer.from(log);
        flipped[at + byte] = (flipped[at + byte] ?? 0) ^ 0x01;
        expect(await examineLogs(withLog(flipped)), `byte ${at + byte}`).toMatch(/is damaged at byte/);
      }
    }
  });

  it("P1: open with all but the last record when that one is not whole, as power that is lost leaves it", async () => {
    const log = readFileSync(logIn(directory));
    expect(await look(withLog(log))).toBe(SIZES.length);
    for (let bytes = log.length - 1; bytes > log.length - 9_000; bytes -= 1_500) {
      const path = withLog(log);
      truncateSync(logIn(path), bytes);
      expect(await look(path), `cut to ${bytes}`).toBe(SIZES.length - 1);
      const holed = Buffer.from(log).fill(0, bytes - 1_000, bytes);
      expect(await look(withLog(holed)), `a hole before ${bytes}`).toBe(SIZES.length - 1);
    }
  });

  it("P1: open when a record over several blocks is the last, and its first pages are missing", async () => {
    const log = readFileSync(logIn(directory));
    const sizes = SIZES.slice(0, 6);
    // Behind the one of 100,000 bytes: its header, and that of the write, are small.
    const before = sizes.slice(0, -1).reduce((sum, bytes) => sum + bytes, 0);
    const end = before + 100_000 + 6 * 40;
    const cut = log.subarray(0, end);
    for (let page = Math.ceil((before + 500) / 4_096) * 4_096; page + 4_096 < end; page += 4_096 * 3) {
      const holed = Buffer.from(cut).fill(0, page, page + 4_096);
      expect(await look(withLog(holed)), `a page missing at ${page}`).toBe(sizes.length - 1);
    }
  });

  it("are read as far as they can be by whoever looks for what is left", async () => {
    const log = readFileSync(logIn(directory));
    const flipped = Buffer.from(log);
    flipped[50] = (flipped[50] ?? 0) ^ 1;
    expect(await look(withLog(flipped), true)).toBeLessThan(SIZES.length);
  });
});
