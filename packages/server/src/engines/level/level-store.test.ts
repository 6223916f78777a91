import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { DiskSpace } from "./disk-space.js";
import { LevelStore } from "./level-store.js";
import { Scavenger } from "./scavenger.js";

const FROM = keyOf(0);
const TO = keyOf(0xffff_ffff);

let parent: string;
let directory: string;
let store: LevelStore;

function keyOf(number: number): Uint8Array {
  const key = Buffer.alloc(40);
  key.writeUInt32BE(number);
  return key;
}

const storeIn = (path: string): LevelStore => new LevelStore(path, new Scavenger(), new DiskSpace(path));

const put = (from: number, to: number, bytes: number): Promise<void> =>
  store.write(Array.from({ length: to - from }, (_, index) => ({ key: keyOf(from + index), value: Buffer.alloc(bytes, 1) })));

function sizeOf(name: RegExp): number {
  const sizes = readdirSync(directory).filter((found) => name.test(found));
  return sizes.reduce((sum, found) => sum + statSync(join(directory, found)).size, 0);
}

beforeEach(async () => {
  parent = mkdtempSync(join(tmpdir(), "holdfast-level-store-"));
  directory = join(parent, "data");
  store = storeIn(directory);
  await store.open();
});

afterEach(async () => {
  await store.close();
  rmSync(parent, { recursive: true });
});

it("C2: the manifest does not grow with every little that is cleared", async () => {
  for (let time = 0; time < 300; time++) {
    await put(time * 10, time * 10 + 10, 100);
    await store.clear([{ from: FROM, to: TO }]);
    await store.reclaim(FROM, TO);
  }
  expect(sizeOf(/^MANIFEST/)).toBeLessThan(4_096);
});

it("C2: much that is cleared is given back to the disk", async () => {
  for (let time = 0; time < 16; time++) await put(time * 1_000, time * 1_000 + 1_000, 500);
  expect(sizeOf(/\.(ldb|log)$/)).toBeGreaterThan(8_000_000);
  await store.clear([{ from: FROM, to: TO }]);
  await store.reclaim(FROM, TO);
  expect(sizeOf(/\.(ldb|log)$/)).toBeLessThan(100_000);
});

it("P1: what was cleared stays so after power loss, however much of LevelDB's log its deletions filled", async () => {
  for (let count = 8_000; count <= 20_000; count += 1_000) {
    await put(0, count, 20);
    // Nothing goes on beside it from here on.
    await store.reclaim(FROM, TO);
    await store.clear([{ from: FROM, to: TO }]);
    // Of the log only the newest file is synced by then; of the others the end may be missing.
    const copy = join(parent, `copy-${count}`);
    cpSync(directory, copy, { recursive: true });
    const logs = readdirSync(copy).filter((name) => name.endsWith(".log"));
    for (const name of logs.sort().slice(0, -1)) truncateSync(join(copy, name), Math.floor(statSync(join(copy, name)).size / 2));
    const after = storeIn(copy);
    await after.open();
    const left = await after.read({ from: FROM, to: TO, entriesMax: 1, bytesMax: 1_000 });
    await after.close();
    expect(left, `of ${count} entries`).toEqual([]);
  }
});
