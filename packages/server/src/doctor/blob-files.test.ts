import { mkdtempSync, readdirSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Holdfast } from "../holdfast.js";
import { examineDirectory, mendDirectory } from "./examine-directory.js";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "holdfast-blob-files-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const directory = (): string => join(root, "data");
const blobFiles = (): string[] => readdirSync(directory()).filter((name) => name.startsWith("blobs-"));

/** A stopped server with one message in a blob file and one that is too small for it. */
async function stopped(): Promise<void> {
  const holdfast = await Holdfast.open({ directory: directory() });
  const orders = holdfast.queue("orders");
  await orders.publish("small");
  await orders.publish("large".repeat(2_000));
  await holdfast.close();
  // The next life moves what the journal has.
  await (await Holdfast.open({ directory: directory() })).close();
  expect(blobFiles()).toHaveLength(1);
}

describe("a store with a blob file that is damaged", () => {
  it.each([
    { damage: "is missing", harm: (path: string) => rmSync(path), says: "blob file 1 is missing" },
    { damage: "is cut", harm: (path: string) => truncateSync(path, 1_000), says: "blob file 1 has 1000 bytes, expected" },
  ])("that $damage does not open until it is mended, and loses no more than that", async ({ harm, says }) => {
    await stopped();
    harm(join(directory(), blobFiles()[0] ?? ""));
    await expect(Holdfast.open({ directory: directory() })).rejects.toThrow(`the store is damaged: ${says}`);
    const { findings, writes } = await examineDirectory(directory());
    expect(findings.map(({ what }) => what).join("\n")).toMatch(/the block with sequences 2 to 2 is damaged/);
    await mendDirectory(directory(), writes);
    expect((await examineDirectory(directory())).findings).toEqual([]);
    const holdfast = await Holdfast.open({ directory: directory() });
    const { items } = await holdfast.queue("orders").peek();
    expect(items.map(({ body }) => body)).toEqual(["small"]);
    await holdfast.queue("orders").publish("next");
    await holdfast.close();
  });
});
