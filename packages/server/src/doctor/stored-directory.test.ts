import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createLevelStore } from "../engines/level/create-level-store.js";
import { openStoredDirectory } from "./stored-directory.js";

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-stored-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

it("tells a store that lost its CURRENT from none", async () => {
  await expect(openStoredDirectory(directory)).rejects.toMatchObject({ code: "NOT_FOUND", message: `directory ${directory} has no store` });
  const store = createLevelStore(directory);
  await store.open();
  await store.write([{ key: Buffer.of(0x20, 1), value: Buffer.from("one") }]);
  await store.close();
  rmSync(join(directory, "CURRENT"));
  const before = readdirSync(directory);
  await expect(openStoredDirectory(directory)).rejects.toMatchObject({
    code: "ENGINE_UNAVAILABLE",
    message: expect.stringContaining("it is damaged: CURRENT is missing"),
  });
  expect(readdirSync(directory)).toEqual(before);
});
