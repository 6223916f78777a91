import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Store } from "../../store.js";
import { createLevelStore } from "./create-level-store.js";

const [ONE, TWO, THREE] = [1, 2, 3].map((number) => Buffer.of(0x20, number)) as [Buffer, Buffer, Buffer];

let parent = "";
let directory = "";
let away = "";
let store: Store;

const put = (key: Buffer): Promise<void> => store.write([{ key, value: Buffer.from("stored") }]);

beforeEach(async () => {
  parent = mkdtempSync(join(tmpdir(), "holdfast-lost-"));
  [directory, away] = [join(parent, "data"), join(parent, "away")];
  store = createLevelStore(directory);
  await store.open();
  await put(ONE);
  await put(TWO);
});
afterEach(async () => {
  await store.close();
  rmSync(parent, { recursive: true });
});

describe("a directory that is no longer there while its store is open", () => {
  it.each([
    ["removed", (): void => rmSync(directory, { recursive: true })],
    ["moved away", (): void => renameSync(directory, away)],
    [
      "replaced",
      (): void => {
        renameSync(directory, away);
        mkdirSync(directory);
      },
    ],
  ])("P1: has no commit confirmed, and no new store put in its place, when it was %s", async (_, lose) => {
    lose();
    await expect(put(THREE)).rejects.toThrow(/journal-[ab] was removed, moved or replaced/);
    await store.close();
    const left = existsSync(directory) ? readdirSync(directory) : undefined;
    await expect(store.open()).rejects.toMatchObject({
      code: "ENGINE_UNAVAILABLE",
      message: `directory ${directory} cannot be used: it was removed, moved or replaced while it was open`,
    });
    expect(existsSync(directory) ? readdirSync(directory) : undefined).toEqual(left);
  });

  it("P1: is not filled with a new store after it was emptied", async () => {
    for (const name of readdirSync(directory)) rmSync(join(directory, name));
    await expect(put(THREE)).rejects.toThrow(/journal-[ab] was removed, moved or replaced/);
    await store.close();
    for (let time = 0; time < 2; time++) {
      await expect(store.open()).rejects.toMatchObject({
        code: "ENGINE_UNAVAILABLE",
        message: expect.stringContaining("it has another store than before, or none"),
      });
    }
  });

  it("P1: is opened again once it is back, with all that it had", async () => {
    renameSync(directory, away);
    await expect(put(THREE)).rejects.toThrow("was removed");
    await store.close();
    await expect(store.open()).rejects.toThrow("was removed");
    renameSync(away, directory);
    await store.open();
    for (const key of [ONE, TWO]) expect(store.get(key)).toEqual(Buffer.from("stored"));
    await put(THREE);
  });
});
