import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readJournal } from "../../../doctor/stored-journal.js";
import type { Store, Write } from "../../../store.js";
import { MemoryStore } from "../../memory/memory-store.js";
import { JournaledStore } from "./journaled-store.js";
import { mendJournal } from "./mend-journal.js";

const MARK = { from: Buffer.of(0x00), to: Buffer.of(0x00, 0x00) };
/** Where the store below has how long the files were. */
const NOTES = { from: Buffer.of(0x00, 0x03), to: Buffer.of(0x00, 0x04) };
const FILLER = "x".repeat(400);

let root = "";
let base: MemoryStore;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "holdfast-mend-journal-"));
  base = new MemoryStore();
});
afterEach(() => rmSync(root, { recursive: true }));

const keyOf = (number: number): Buffer => Buffer.of(0x20, 0, 0, 0, 1, number);
const put = (number: number, value: string): Write => ({ key: keyOf(number), value: Buffer.from(value) });
const textOf = (number: number): string => Buffer.from(base.get(keyOf(number)) ?? []).toString();
const damageOf = async (): Promise<string | undefined> => (await readJournal(base, root)).damage;

/** A store whose first commit is below already. */
async function begun(below: Store, directory = root): Promise<JournaledStore> {
  const store = new JournaledStore({ base: below, directory, fileBytes: 8_192 });
  await store.open();
  await store.write([put(0, "first")]);
  return store;
}

it("brings nothing back that was written before what is not there any more, where the mark is lost", async () => {
  const store = await begun(base);
  const turn = async (): Promise<void> => (await store.snapshot()).close();
  // The first file is filled once, and only begun the second time: what it had first lies behind that.
  for (let n = 0; n < 12; n++) await store.write([put(1, FILLER)]);
  await store.write([put(9, "old")]);
  await turn();
  await store.write([put(9, "new")]);
  await turn();
  await store.write([put(1, FILLER)]);
  await turn();
  // Over the record of the new value, which is below.
  await store.write([put(1, "last")]);
  await store.close();
  await base.clear([MARK]);
  expect(await damageOf()).toBe("the journal is damaged: its files are not those of this store");
  for (let time = 0; time < 2; time++) {
    await mendJournal(base, root);
    expect(await damageOf()).toBeUndefined();
    expect([textOf(9), textOf(1)]).toEqual(["new", "last"]);
  }
});

it("takes nothing from the file of another store, and lets go of it", async () => {
  const store = await begun(base);
  await store.write([put(1, "one")]);
  await store.close();
  const other = join(root, "other");
  mkdirSync(other);
  const foreign = await begun(new MemoryStore(), other);
  await foreign.write([put(1, "of another store")]);
  await foreign.close();
  copyFileSync(join(other, "journal-a"), join(root, "journal-a"));
  await mendJournal(base, root);
  expect(await damageOf()).toBeUndefined();
  expect([textOf(0), textOf(1)]).toEqual(["first", ""]);
  const next = new JournaledStore({ base, directory: root, fileBytes: 8_192 });
  await next.open();
  await next.write([put(2, "two")]);
  await next.close();
  expect(await damageOf()).toBeUndefined();
});

it("shows that a file is missing until the store below has what is left", async () => {
  const store = await begun(base);
  await store.write([put(1, "one")]);
  await store.close();
  await base.clear([NOTES]);
  rmSync(join(root, "journal-a"));
  const failing = Object.assign(Object.create(base) as Store, {
    write: () => Promise.reject(new Error("killed")),
    get: base.get.bind(base),
  });
  await expect(mendJournal(failing, root)).rejects.toThrow("killed");
  expect(await damageOf()).toContain("journal-a is missing");
  await mendJournal(base, root);
  expect(await damageOf()).toBeUndefined();
});

it("calls no store damaged that was killed before it had both of its files", async () => {
  expect(await damageOf()).toBeUndefined();
  writeFileSync(join(root, "journal-a"), "");
  expect(await damageOf()).toBeUndefined();
});
