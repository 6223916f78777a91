import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Identity } from "./identity.js";
import { RevocationFile } from "./revocation-file.js";
import { Revocations } from "./revocations.js";

const NOW = 1_800_000_000_000;
const DAY = 86_400_000;
const identity = (given: Partial<Identity>): Identity => ({ subject: "ann", roles: [], by: "token", issuedAt: NOW - 1, ...given });

describe("revocations", () => {
  let directory: string;
  let path: string;
  const opened: Revocations[] = [];

  const open = async (now = NOW): Promise<Revocations> => {
    const revocations = await Revocations.open(new RevocationFile(path), now);
    opened.push(revocations);
    return revocations;
  };

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "holdfast-revocations-"));
    path = join(directory, "auth", "revocations.ndjson");
  });

  afterEach(async () => {
    for (const revocations of opened.splice(0)) await revocations.close();
    await rm(directory, { recursive: true, force: true });
  });

  it("of a subject cover what was issued before, and not what comes after", async () => {
    const revocations = await open();
    await revocations.add({ subject: "ann", at: NOW, until: NOW + DAY }, NOW);
    expect(revocations.covers(identity({}), NOW)).toBe(true);
    expect(revocations.covers(identity({ issuedAt: undefined }), NOW)).toBe(true);
    expect(revocations.covers(identity({ issuedAt: NOW + 1 }), NOW)).toBe(false);
    expect(revocations.covers(identity({ subject: "bob" }), NOW)).toBe(false);
    expect(revocations.covers(identity({}), NOW + DAY)).toBe(false);
  });

  it("of a token cover that token, whenever it was issued", async () => {
    const revocations = await open();
    await revocations.add({ tokenId: "t1", at: NOW, until: null }, NOW);
    expect(revocations.covers(identity({ tokenId: "t1", issuedAt: NOW + 1 }), NOW + 1_000 * DAY)).toBe(true);
    expect(revocations.covers(identity({ tokenId: "t2" }), NOW)).toBe(false);
    expect(revocations.covers(identity({}), NOW)).toBe(false);
  });

  it("hold after a restart, and so does that one was taken back", async () => {
    const before = await open();
    await Promise.all([
      before.add({ subject: "ann", at: NOW, until: NOW + DAY }, NOW),
      before.add({ subject: "bob", at: NOW, until: NOW + DAY }, NOW),
      before.add({ tokenId: "t1", at: NOW, until: NOW + DAY }, NOW),
    ]);
    await before.remove({ subject: "bob" }, NOW);
    await before.close();
    const after = await open();
    expect(after.covers(identity({}), NOW)).toBe(true);
    expect(after.covers(identity({ subject: "bob" }), NOW)).toBe(false);
    expect(after.covers(identity({ subject: "eve", tokenId: "t1" }), NOW)).toBe(true);
    await expect(after.remove({ subject: "bob" }, NOW)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("are forgotten, and leave the file, once no token of before lives", async () => {
    const before = await open();
    await before.add({ subject: "ann", at: NOW, until: NOW + DAY }, NOW);
    await before.close();
    await (await open(NOW + 2 * DAY)).close();
    expect(await readFile(path, "utf8")).toBe("");
  });

  it("a last line that was not written whole is left out; any other that cannot be read stops the start", async () => {
    const before = await open();
    await before.add({ subject: "ann", at: NOW, until: NOW + DAY }, NOW);
    await before.close();
    await appendFile(path, '{"subject":"bo');
    const after = await open();
    expect(after.covers(identity({}), NOW)).toBe(true);
    await after.close();
    expect((await readFile(path, "utf8")).split("\n")).toHaveLength(2);
    await writeFile(path, `garbage\n${await readFile(path, "utf8")}`);
    await expect(open()).rejects.toThrow(/line 1 of .* is not a revocation/);
    expect(await readdir(join(directory, "auth"))).toEqual(["revocations.ndjson"]);
  });

  it("one that cannot be written holds all the same, says so, and is written with the next", async () => {
    const file = new RevocationFile(path);
    const revocations = await Revocations.open(file, NOW);
    opened.push(revocations);
    await rm(directory, { recursive: true });
    await file.close();
    await writeFile(directory, "in the way");
    await expect(revocations.add({ subject: "ann", at: NOW, until: NOW + DAY }, NOW)).rejects.toMatchObject({ code: "UNKNOWN" });
    expect(revocations.covers(identity({}), NOW)).toBe(true);
    await rm(directory);
    await revocations.add({ subject: "bob", at: NOW, until: NOW + DAY }, NOW);
    await revocations.close();
    const after = await open();
    expect(after.covers(identity({}), NOW)).toBe(true);
    expect(after.covers(identity({ subject: "bob" }), NOW)).toBe(true);
  });
});
