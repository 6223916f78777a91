import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { FORMAT_VERSION } from "../../core/catalog.js";
import { metaKey } from "../../core/keys.js";
import { examineDirectory } from "../../doctor/examine-directory.js";
import { Holdfast } from "../../holdfast.js";
import { packMeta } from "../meta.js";
import { createStoreBelow } from "./create-level-store.js";
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
