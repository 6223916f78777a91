import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
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

const storeIn = (path: string): LevelStore => new LevelStore({ directory: path, scavenger: new Scavenger(), space: new DiskSpace(path) });

const put = (from: number, to: number, bytes: number): Promise<void> =>
  store.write(Array.from({ length: to - from }, (_, index) => ({ key: keyOf(from + index), value: Buffer.alloc(bytes, 1) })));

/** LevelDB deletes files by and by; one that went meanwhile has no bytes. */
function sizeOf(name: RegExp): number {
  const sizes = readdirSync(directory).filter((found) => name.test(found));
  return sizes.reduce((sum, found) => sum + (statSync(join(directory, found), { throwIfNoEntry: false })?.size ?? 0), 0);
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

it("ranges are cleared whole, however many keys they have, and nothing beside them", async () => {
  for (let time = 0; time < 20; time++) await put(time * 1_000, time * 1_000 + 1_000, 20);
  const numbers = async (): Promise<number[]> => {
    const entries = await store.read({ from: FROM, to: TO, entriesMax: 100_000, bytesMax: 1e9 });
    return entries.map(([key]) => Buffer.from(key).readUInt32BE());
  };
  await store.clear([]);
  await store.clear([
    { from: keyOf(10), to: keyOf(9_000) },
    { from: keyOf(9_000), to: keyOf(9_000) },
    { from: keyOf(9_001), to: keyOf(17_193) },
    { from: keyOf(19_999), to: TO },
  ]);
  const left = Array.from({ length: 20_000 }, (_, number) => number).filter(
    (number) => number < 10 || number === 9_000 || (number >= 17_193 && number < 19_999),
  );
  expect(await numbers()).toEqual(left);
});
