import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Store } from "../../store.js";
import { createLevelStore } from "./create-level-store.js";

let directory: string;
let store: Store;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-info-log-"));
  store = createLevelStore(directory);
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
  await store.write([{ key, value: new Uint8Array(10) }]);
  await store.reclaim(key, Uint8Array.of(2));
  const text = readFileSync(log, "utf8");
  expect(text).not.toContain("x".repeat(100));
  expect(text).toMatch(/^\d{4}\/\d\d\/\d\d-.* compaction/m);
});
