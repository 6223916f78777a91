import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { DiskSpace } from "./disk-space.js";
import { LevelStore } from "./level-store.js";
import { Scavenger } from "./scavenger.js";

let directory: string;
let store: LevelStore;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-info-log-"));
  store = new LevelStore({ directory, scavenger: new Scavenger(), space: new DiskSpace(directory) });
  await store.open();
});

afterEach(async () => {
  await store.close();
  rmSync(directory, { recursive: true });
});

it("C2: what LevelDB tells of itself is emptied where it became much, and goes on", async () => {
  const log = join(directory, "LOG");
  appendFileSync(log, "x".repeat(2 * 1_048_576));
  const key = Uint8Array.of(1, 2);
  for (let call = 0; call < 300; call++) await store.reclaim(key, Uint8Array.of(2));
  expect(statSync(log).size).toBeLessThan(1_048_576);
  // The second finds LevelDB's memory full, so that a table is made of it.
  for (let time = 0; time < 2; time++) await store.write([{ key, value: new Uint8Array(2 * 1_048_576) }]);
  await vi.waitFor(() => expect(readFileSync(log, "utf8")).toMatch(/^\d{4}\/\d\d\/\d\d-.* Level-0 table/m));
  expect(readFileSync(log, "utf8")).not.toContain("x".repeat(100));
});
