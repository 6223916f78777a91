import { mkdtempSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import * as keys from "../core/keys.js";
import { blobFiles } from "../engines/level/blobs/test-base.js";
import { createLevelStore } from "../engines/level/create-level-store.js";
import { Holdfast } from "../holdfast.js";
import type { Write } from "../store.js";
import { examineDirectory, mendDirectory } from "./examine-directory.js";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "holdfast-blob-files-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const directory = (): string => join(root, "data");
const blobFile = (): string => join(directory(), blobFiles(directory())[0] ?? "");

/** What a life leaves in the journal goes below with the next one. */
async function lives(writes: readonly Write[] = []): Promise<void> {
  const store = createLevelStore(directory());
  await store.open();
  if (writes.length > 0) await store.write(writes);
  await store.close();
  await store.open();
  await store.close();
}

/** A stopped server with a small message, which is in LevelDB, and large ones in a blob file. */
async function stopped(...bodies: readonly string[]): Promise<void> {
  const holdfast = await Holdfast.open({ directory: directory() });
  for (const body of bodies) await holdfast.queue("orders").publish(body);
  await holdfast.close();
  await lives();
  expect(blobFiles(directory())).toHaveLength(1);
}

/** What is left once all was mended that was found. */
async function mended(): Promise<{ readonly found: string; readonly bodies: readonly unknown[] }> {
  const { findings, writes } = await examineDirectory(directory());
  await mendDirectory(directory(), writes);
  expect((await examineDirectory(directory())).findings).toEqual([]);
  const holdfast = await Holdfast.open({ directory: directory() });
  await holdfast.queue("orders").publish("next");
  const { items } = await holdfast.queue("orders").peek();
  await holdfast.close();
  expect(items.at(-1)?.body).toBe("next");
  return { found: findings.map(({ what }) => what).join("\n"), bodies: items.slice(0, -1).map(({ body }) => body) };
}

describe("a store with a blob file that is damaged", () => {
  it.each([
    { damage: "is missing", harm: () => rmSync(blobFile()), says: "blob file 1 is missing" },
    { damage: "is cut", harm: () => truncateSync(blobFile(), 1_000), says: "blob file 1 has 1000 bytes, expected" },
  ])("that $damage does not open until it is mended, and loses no more than that", async ({ harm, says }) => {
    await stopped("small", "large".repeat(2_000));
    harm();
    await expect(Holdfast.open({ directory: directory() })).rejects.toThrow(`the store is damaged: ${says}`);
    const { found, bodies } = await mended();
    expect(found).toContain(says);
    expect(found).toMatch(/the block with sequences 2 to 2 is damaged: (its \d+ bytes are missing|.*CRC)/);
    expect(bodies).toEqual(["small"]);
  });

  it("opens again when only that is lost which nothing refers to", async () => {
    await stopped("small", "large".repeat(2_000), "over".repeat(2_000));
    // As if the last message had been settled.
    await lives([{ key: keys.blockKey(1, 3), value: undefined }]);
    truncateSync(blobFile(), statSync(blobFile()).size - 100);
    expect((await mended()).bodies).toEqual(["small", "large".repeat(2_000)]);
  });

  it("opens again when only what belongs to a removed queue is lost", async () => {
    await stopped("large".repeat(2_000));
    // The commit of the removal; the power was cut before the range was cleared.
    const deletes = [keys.definitionKey(1), keys.stateKey(1)].map((key) => ({ key, value: undefined }));
    await lives([...deletes, { key: keys.removedKey(1), value: Buffer.of(1) }]);
    rmSync(blobFile());
    const { found, bodies } = await mended();
    expect(found).toBe("blob file 1 is missing");
    expect(bodies).toEqual([]);
  });
});

it("a journal with much in it is mended together with a blob file that is missing", async () => {
  const block = (first: number): Buffer => keys.blockKey(1, first);
  await lives(Array.from({ length: 10 }, (_, index) => ({ key: block(index + 1), value: Buffer.alloc(100_000, index) })));
  const store = createLevelStore(directory());
  await store.open();
  await store.write(Array.from({ length: 8 }, (_, index) => ({ key: block(index + 1), value: undefined })));
  // More than is moved at once.
  await store.write(Array.from({ length: 2_500 }, (_, number) => ({ key: keys.settledKey(2, number), value: Buffer.of(1) })));
  await store.close();
  rmSync(blobFile());
  await mendDirectory(
    directory(),
    [9, 10].map((first) => ({ key: block(first), value: undefined })),
  );
  await lives();
});
