import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { afterEach, beforeEach, expect, it } from "vitest";
import { FORMAT_VERSION } from "../../core/catalog.js";
import { metaKey } from "../../core/keys.js";
import { examineDirectory, mendDirectory } from "../../doctor/examine-directory.js";
import { Holdfast } from "../../holdfast.js";
import { packMeta } from "../meta.js";
import { createLevelStore, createStoreBelow } from "./create-level-store.js";
import { writeOfMark } from "./journal/mark.js";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-newer-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

it("a store that a newer program wrote is refused with both versions, whatever its journal looks like", async () => {
  await (await Holdfast.open({ directory })).close();
  const below = createStoreBelow(directory);
  await below.open();
  const mark = writeOfMark({ next: 1, secret: Buffer.alloc(8), end: 1 });
  await below.write([
    { key: metaKey, value: packMeta({ version: FORMAT_VERSION + 1, life: 1, nextQueue: 1 }) },
    { key: mark.key, value: Buffer.alloc(64) },
  ]);
  await below.close();
  const refused = `the store has format version ${FORMAT_VERSION + 1}, this program reads versions up to ${FORMAT_VERSION}`;
  await expect(Holdfast.open({ directory })).rejects.toMatchObject({ code: "ENGINE_UNAVAILABLE", message: refused });
  await expect(examineDirectory(directory)).rejects.toThrow(refused);
});

it.each([
  { meta: undefined, says: "the store has entries, and none that says its format" },
  { meta: Buffer.from('{"version":3'), says: "what the store says of its format is damaged" },
])("a store whose entry that says its format is $meta is refused until it is mended", async ({ meta, says }) => {
  const holdfast = await Holdfast.open({ directory });
  await holdfast.queue("orders").publish({ body: "cod" });
  await holdfast.close();
  const store = createLevelStore(directory);
  await store.open();
  await store.write([{ key: metaKey, value: meta }]);
  await store.close();
  const found = await examineDirectory(directory);
  const whats = found.findings.map(({ what }) => what);
  expect(whats).toEqual(["what the store says of its format, its life and the next number to be given is lost"]);
  for (let times = 0; times < 2; times++) {
    await expect(Holdfast.open({ directory })).rejects.toMatchObject({
      code: "ENGINE_UNAVAILABLE",
      message: expect.stringContaining(says),
    });
  }
  await mendDirectory(directory, (await examineDirectory(directory)).writes);
  expect((await examineDirectory(directory)).findings).toEqual([]);
  const mended = await Holdfast.open({ directory });
  await mended.queue("new").publish({ body: "eel" });
  expect((await mended.queue("orders").peek()).items).toHaveLength(1);
  await mended.close();
});

it("LevelDB of another program is refused, and gets no entry", async () => {
  const foreign = new ClassicLevel(directory);
  await foreign.put("hello", "world");
  await foreign.close();
  await expect(Holdfast.open({ directory })).rejects.toMatchObject({ code: "ENGINE_UNAVAILABLE" });
  const after = new ClassicLevel(directory);
  expect(await after.keys().all()).toEqual(["hello"]);
  await after.close();
});

it.each([null, 0, -1, "3", 2.5])("a store of format version %j is refused", async (version) => {
  await (await Holdfast.open({ directory })).close();
  const store = createLevelStore(directory);
  await store.open();
  await store.write([{ key: metaKey, value: Buffer.from(JSON.stringify({ version, life: 1, nextQueue: 1 })) }]);
  await store.close();
  await expect(Holdfast.open({ directory })).rejects.toMatchObject({
    code: "ENGINE_UNAVAILABLE",
    message: `the store has format version ${version}, this program reads versions up to ${FORMAT_VERSION}`,
  });
});
