import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createStoreBelow } from "../engines/level/create-level-store.js";
import { ALIGNMENT, headerOf } from "../engines/level/journal/record.js";
import { Holdfast } from "../holdfast.js";
import { examineDirectory, mendDirectory } from "./examine-directory.js";

const MESSAGES = 8;
/** Where the store below the journal has its mark. */
const MARK = { from: Buffer.of(0x00), to: Buffer.of(0x00, 0x00) };

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "holdfast-damaged-journal-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const whole = (): string => join(root, "whole");
const data = (): string => join(root, "data");
const journal = (): string => join(data(), "journal-a");

/** What a killed server leaves: messages of which some are acknowledged, those of its second life in the journal alone. */
async function left(): Promise<void> {
  const before = await Holdfast.open({ directory: join(root, "living") });
  await before.queue("orders").publish(0);
  await before.close();
  const holdfast = await Holdfast.open({ directory: join(root, "living") });
  for (let body = 1; body <= MESSAGES; body++) await holdfast.queue("orders").publish(body);
  cpSync(join(root, "living"), whole(), { recursive: true });
  await holdfast.close();
  anew();
}

function anew(): void {
  rmSync(data(), { recursive: true, force: true });
  cpSync(whole(), data(), { recursive: true });
}

interface Place {
  readonly at: number;
  readonly bytes: number;
  readonly number: number;
}

/** Where the records of the journal are. */
function records(): Place[] {
  const file = readFileSync(journal());
  const found: Place[] = [];
  for (let at = 0; at < file.length; ) {
    const header = headerOf(file.subarray(at));
    if (header !== undefined) found.push({ at, bytes: header.bytes, number: header.number });
    at += header?.alignedBytes ?? ALIGNMENT;
  }
  // Records of the life before may follow.
  return found.filter(({ number }, index) => index === 0 || number > (found[index - 1]?.number ?? 0));
}

function flip(at: number): void {
  const file = readFileSync(journal());
  file[at] = (file[at] ?? 0) ^ 1;
  writeFileSync(journal(), file);
}

/** What is left when the doctor has mended all it found, and in how many steps. */
async function mended(): Promise<{ readonly first: string; readonly steps: number; readonly bodies: readonly unknown[] }> {
  let [steps, first] = [0, ""];
  for (; steps < 4; steps++) {
    const { findings, writes } = await examineDirectory(data());
    if (findings.length === 0) break;
    if (steps === 0) first = findings[0]?.what ?? "";
    expect(findings.some(({ mend }) => mend !== undefined)).toBe(true);
    await mendDirectory(data(), writes);
  }
  expect((await examineDirectory(data())).findings).toEqual([]);
  for (const next of ["next", "and next"]) {
    const holdfast = await Holdfast.open({ directory: data() });
    await holdfast.queue("orders").publish(next);
    await holdfast.close();
  }
  const holdfast = await Holdfast.open({ directory: data() });
  const bodies = (await holdfast.queue("orders").peek()).items.map(({ body }) => body);
  await holdfast.close();
  expect((await examineDirectory(data())).findings).toEqual([]);
  expect(bodies.slice(-2)).toEqual(["next", "and next"]);
  return { first, steps, bodies: bodies.slice(0, -2) };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, body) => body);

describe("a damaged journal", () => {
  it("that is whole after all is left alone", async () => {
    await left();
    expect(await mended()).toEqual({ first: "", steps: 0, bodies: upTo(MESSAGES + 1) });
  });

  it("that was cut after a crash has all before the cut when it is mended", async () => {
    await left();
    const found = records();
    const last = found.at(-1)?.at ?? 0;
    truncateSync(journal(), last);
    await expect(Holdfast.open({ directory: data() })).rejects.toThrow(`the journal is damaged: journal-a has ${last} bytes, expected`);
    const { first, bodies } = await mended();
    expect(first).toContain(`the journal is damaged: journal-a has ${last} bytes`);
    expect(bodies).toEqual(upTo(MESSAGES));
  });

  it.each([
    { damage: "was emptied", harm: () => truncateSync(journal(), 0) },
    { damage: "is missing", harm: () => rmSync(journal()) },
  ])("that $damage has what LevelDB has when it is mended", async ({ harm }) => {
    await left();
    harm();
    await expect(Holdfast.open({ directory: data() })).rejects.toThrow("the journal is damaged: ");
    expect((await mended()).bodies).toEqual([0]);
  });

  it("loses no more than the record that is not whole, whichever it is", async () => {
    await left();
    const found = records();
    expect(found.length).toBeGreaterThan(MESSAGES);
    for (const { at, bytes, number } of found.slice(0, -1)) {
      anew();
      flip(at + 20 + (number % (bytes - 20)));
      await expect(Holdfast.open({ directory: data() })).rejects.toThrow("the journal is damaged: record");
      const { bodies } = await mended();
      expect(bodies.length, `without record ${number}`).toBeGreaterThanOrEqual(MESSAGES);
      expect(upTo(MESSAGES + 1)).toEqual(expect.arrayContaining([...bodies]));
    }
  });

  it("is taken by its own secret where LevelDB lost what it had noted of it", async () => {
    await left();
    const below = createStoreBelow(data());
    await below.open();
    await below.clear([MARK]);
    await below.close();
    await expect(Holdfast.open({ directory: data() })).rejects.toThrow("the journal is damaged: its files are not those of this store");
    const { first, bodies } = await mended();
    expect(first).toContain("the journal is damaged: its files are not those of this store");
    expect(bodies).toEqual(upTo(MESSAGES + 1));
  });
});
