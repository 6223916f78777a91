import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLevelStore } from "./create-level-store.js";

let directory = "";

const put = (name: string, text: string): void => writeFileSync(join(directory, name), text);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-unfinished-"));
  // What LevelDB leaves when power is lost before it has synced its first manifest, whose name it has synced already.
  put("CURRENT", "MANIFEST-000001\n");
  put("MANIFEST-000001", "");
  put("000003.log", "");
});
afterEach(() => rmSync(directory, { recursive: true }));

describe("a store that was not whole yet when power was lost", () => {
  it("P1: is begun anew, and keeps what is stored from then on", async () => {
    const key = Buffer.of(0x20, 1);
    for (const before of [undefined, Buffer.from("one")]) {
      const store = createLevelStore(directory);
      await store.open();
      expect(store.get(key)).toEqual(before);
      await store.write([{ key, value: Buffer.from("one") }]);
      await store.close();
    }
  });

  it.each([
    ["a table", "000005.ldb"],
    ["an old table", "000005.sst"],
    ["a log that is not empty", "000003.log"],
    ["a journal", "journal-a"],
  ])("P1: is not touched when it has %s", async (_, name) => {
    put(name, "something");
    const before = readdirSync(directory);
    await expect(createLevelStore(directory).open()).rejects.toThrow("is damaged: the first records of its manifest are not whole");
    expect(readdirSync(directory)).toEqual(expect.arrayContaining(before));
  });
});
