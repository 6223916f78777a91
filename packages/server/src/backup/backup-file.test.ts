import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import * as keys from "../core/keys.js";
import { createLevelStore } from "../engines/level/create-level-store.js";
import { packMeta } from "../engines/meta.js";
import { Holdfast } from "../holdfast.js";
import { silentLog } from "../log.js";
import { writeBackup } from "./backup-file.js";
import { BackupReader } from "./backup-reader.js";
import { restoreDirectory } from "./restore-directory.js";

let root: string;
const at = (name: string): string => join(root, name);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "holdfast-backup-"));
});
afterEach(() => rmSync(root, { recursive: true }));

/** A directory with 20 orders, backed up while its server runs. */
async function backedUp(): Promise<void> {
  const holdfast = await Holdfast.open({ directory: at("data") });
  for (let order = 0; order < 20; order++) await holdfast.queue("orders").publish({ order });
  expect(await holdfast.backup(at("orders.hfbackup"))).toBe(readFileSync(at("orders.hfbackup")).length);
  await holdfast.close();
}

describe("a backup's file", () => {
  it("P1: is restored to a directory with everything that was stored", async () => {
    await backedUp();
    await restoreDirectory(at("orders.hfbackup"), at("restored"));
    const restored = await Holdfast.open({ directory: at("restored") });
    expect((await restored.queue("orders").peek()).items.map(({ body }) => body)).toEqual(
      Array.from({ length: 20 }, (_, order) => ({ order })),
    );
    await restored.close();
    expect(readdirSync(root).sort()).toEqual(["data", "orders.hfbackup", "restored"]);
  });

  it("is refused, wherever it ends or is changed, before anything is written", async () => {
    await backedUp();
    const whole = readFileSync(at("orders.hfbackup"));
    for (let step = 0; step < 60; step++) {
      const bytes = Math.floor((step * whole.length) / 60);
      writeFileSync(at("cut"), whole.subarray(0, bytes));
      await expect(restoreDirectory(at("cut"), at("restored"))).rejects.toThrow(/the backup is incomplete/);
      const flipped = Buffer.from(whole);
      flipped[bytes] = (flipped[bytes] ?? 0) ^ 1;
      writeFileSync(at("flipped"), flipped);
      await expect(restoreDirectory(at("flipped"), at("restored"))).rejects.toThrow(/the backup is damaged|is not a backup|is incomplete/);
    }
    writeFileSync(at("long"), Buffer.concat([whole, whole.subarray(0, 5)]));
    await expect(restoreDirectory(at("long"), at("restored"))).rejects.toThrow("something follows its trailer");
    expect(readdirSync(root)).not.toContain("restored");
  });

  it("is restored from a file alone, and what there is instead is named", async () => {
    mkdirSync(at("directory"));
    for (const [path, says] of [
      [at("none"), { code: "NOT_FOUND", message: `there is no file ${at("none")}` }],
      [at("directory"), { code: "BAD_REQUEST", message: `${at("directory")} is a directory, expected the file of a backup` }],
      ["/dev/null", { code: "BAD_REQUEST", message: "/dev/null is no regular file, expected the file of a backup" }],
    ] as const)
      await expect(restoreDirectory(path, at("restored"))).rejects.toMatchObject(says);
    expect(existsSync(at("restored"))).toBe(false);
  });

  it("is restored into no directory that has something", async () => {
    await backedUp();
    await expect(restoreDirectory(at("orders.hfbackup"), at("data"))).rejects.toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringContaining("expected an empty one or no such directory"),
    });
    for (const path of [at("orders.hfbackup"), join(at("orders.hfbackup"), "below")])
      await expect(restoreDirectory(at("orders.hfbackup"), path)).rejects.toMatchObject({
        code: "BAD_REQUEST",
        message: `${path} is no directory, expected one`,
      });
  });

  it("leaves no file when it fails, and an older one of that name as it was", async () => {
    await backedUp();
    const before = readFileSync(at("orders.hfbackup"));
    const holdfast = await Holdfast.open({ directory: at("data") });
    await expect(holdfast.backup(join(root, "no such directory", "file"))).rejects.toMatchObject({
      code: "BAD_REQUEST",
      message: `there is no directory ${join(root, "no such directory")}, expected one for the file`,
    });
    // The one that failed is not in the way of the next.
    await holdfast.backup(at("second.hfbackup"));
    await holdfast.close();
    expect(readFileSync(at("orders.hfbackup"))).toEqual(before);
    expect((await new BackupReader(at("second.hfbackup")).check()).program).toMatch(/^\d+\.\d+\.\d+/);
  });

  it("is whole when two are written to one path at once, and parts that were broken off are removed", async () => {
    await backedUp();
    const [left, going] = [at("orders.hfbackup.0123456789ab.partial"), at("orders.hfbackup.ba9876543210.partial")];
    for (const part of [left, going]) writeFileSync(part, "a part");
    utimesSync(left, 0, 0);
    const whole = readFileSync(at("orders.hfbackup"));
    rmSync(at("orders.hfbackup"));
    const close = async (): Promise<void> => undefined;
    // One is refused, as by a server that makes another backup, when the other one has its first part.
    let refuse: (error: Error) => void = () => undefined;
    const refusal = new Promise<never>((_, reject) => {
      refuse = reject;
    });
    // It may come before anybody asks.
    refusal.catch(() => undefined);
    const refused = expect(writeBackup({ next: () => refusal, close }, at("orders.hfbackup"))).rejects.toThrow("refused");
    const chunks = [{ bytes: whole, done: false }];
    const next = async (): Promise<{ bytes: Buffer; done: boolean }> => {
      const chunk = chunks.pop();
      if (chunk !== undefined) return chunk;
      refuse(new Error("refused"));
      await refused;
      return { bytes: Buffer.alloc(0), done: true };
    };
    await writeBackup({ next, close }, at("orders.hfbackup"));
    expect(readFileSync(at("orders.hfbackup"))).toEqual(whole);
    expect(readdirSync(root).sort()).toEqual(["data", "orders.hfbackup", "orders.hfbackup.ba9876543210.partial"]);
  });

  it("takes the place of no directory, device or dangling link; behind a link, that of the file", async () => {
    await backedUp();
    const holdfast = await Holdfast.open({ directory: at("data") });
    mkdirSync(at("directory"));
    symlinkSync(at("nowhere"), at("dangling"));
    for (const [name, what] of [
      ["directory", "is a directory"],
      ["dangling", "is a link to nothing"],
    ] as const)
      await expect(holdfast.backup(at(name))).rejects.toMatchObject({ code: "BAD_REQUEST", message: expect.stringContaining(what) });
    const device = { code: "BAD_REQUEST", message: expect.stringContaining("/dev/null is no regular file") };
    await expect(holdfast.backup("/dev/null")).rejects.toMatchObject(device);
    mkdirSync(at("disk"));
    writeFileSync(at("disk/real"), "before");
    symlinkSync(at("disk/real"), at("link"));
    await holdfast.backup(at("link"));
    await holdfast.close();
    expect(lstatSync(at("link")).isSymbolicLink()).toBe(true);
    expect(readdirSync(at("disk"))).toEqual(["real"]);
    expect((await new BackupReader(at("disk/real")).check()).program).toMatch(/^\d+\.\d+\.\d+/);
  });

  it("of which only a part was restored makes no store that a server opens", async () => {
    const store = createLevelStore(at("data"));
    await store.open();
    await store.write([{ key: keys.metaKey, value: packMeta({ version: 3, life: 1, nextQueue: 1, restoring: true }) }]);
    await store.close();
    await expect(Holdfast.open({ directory: at("data") })).rejects.toThrow("its restore was interrupted");
  });
});

describe("a store of an older format", () => {
  it("is backed up beside its directory, then migrated, and that is said once", async () => {
    await backedUp();
    await setVersion(2);
    const lines: string[] = [];
    const log = { ...silentLog, info: (line: string) => lines.push(line) };
    const holdfast = await Holdfast.open({ directory: at("data"), log });
    expect((await holdfast.queue("orders").peek()).items).toHaveLength(20);
    await holdfast.close();
    const path = `${at("data")}.v2.hfbackup`;
    expect(lines).toEqual([`the store in ${at("data")} goes from format version 2 to 3; as it was it is kept in ${path}`]);
    expect(await new BackupReader(path).check()).toMatchObject({ storeVersion: 2 });
    await (await Holdfast.open({ directory: at("data"), log })).close();
    expect(lines).toHaveLength(1);
    await restoreDirectory(path, at("restored"));
    const restored = await Holdfast.open({ directory: at("restored"), log });
    expect((await restored.queue("orders").peek()).items).toHaveLength(20);
    await restored.close();
  });

  it("is not migrated when it cannot be backed up", async () => {
    await backedUp();
    await setVersion(2);
    const path = `${at("data")}.v2.hfbackup`;
    mkdirSync(path);
    await expect(Holdfast.open({ directory: at("data") })).rejects.toThrow(`${path} is a directory`);
    const store = createLevelStore(at("data"));
    await store.open();
    expect(JSON.parse(Buffer.from(store.get(keys.metaKey) ?? []).toString())).toMatchObject({ version: 2 });
    await store.close();
  });

  it("that is newer is refused, naming both versions", async () => {
    await backedUp();
    await setVersion(7);
    await expect(Holdfast.open({ directory: at("data") })).rejects.toThrow(
      "the store has format version 7, this program reads versions up to 3",
    );
  });
});

async function setVersion(version: number): Promise<void> {
  const store = createLevelStore(at("data"));
  await store.open();
  await store.write([{ key: keys.metaKey, value: packMeta({ version, life: 5, nextQueue: 10 }) }]);
  await store.close();
}
