import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { callsOf } from "./strace-log.js";
import { SyncOrder, type Verdict } from "./sync-order.js";

const WRITE = '101 pwrite64(7</data/journal-a>, "x id-1 y", 8, 64) = 8';
const SYNC = "101 fdatasync(7</data/journal-a>) = 0";
const RECEIPT = '100 write(21<socket:[5]>, "ok id-1", 7) = 7';

async function verdictOf(...lines: string[]): Promise<Verdict> {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-order-"));
  try {
    const file = join(directory, "log");
    await writeFile(file, `${lines.join("\n")}\n`, "latin1");
    const order = new SyncOrder();
    for await (const call of callsOf(file)) order.add(call);
    return order.verdict(/id-\d/g);
  } finally {
    await rm(directory, { recursive: true });
  }
}

describe("the check of the order of system calls", () => {
  it("takes a receipt that was sent after the sync", async () => {
    expect(await verdictOf(WRITE, SYNC, RECEIPT)).toEqual({ matched: 1, early: [], unstored: [], syncs: 1 });
  });

  it("takes calls that other threads interrupted", async () => {
    const begin = '101 pwrite64(7</data/journal-a>, "x id-1 y", 8, 64 <unfinished ...>';
    const lines = [begin, '102 write(9</data/x>, "", 0) = 0', "101 <... pwrite64 resumed>) = 8", SYNC, RECEIPT];
    expect(await verdictOf(...lines)).toMatchObject({ matched: 1, early: [] });
  });

  it("takes a receipt in parts, after a sync in the midst of which nothing was sent", async () => {
    const parts = '100 writev(21<socket:[5]>, [{iov_base="ok i", iov_len=4}, {iov_base="d-1", iov_len=3}], 2) = 7';
    expect(await verdictOf(WRITE, SYNC, parts)).toMatchObject({ matched: 1 });
    const first = '100 write(21<socket:[5]>, "ok id-1", 7) = 5';
    const rest = '100 write(21<socket:[5]>, "-1", 2) = 2';
    expect(await verdictOf(WRITE, SYNC, first, rest)).toMatchObject({ matched: 1 });
  });

  it("finds a receipt that was sent before the sync, during it, or without one", async () => {
    expect(await verdictOf(WRITE, RECEIPT, SYNC)).toMatchObject({ matched: 0, early: ["id-1"] });
    expect(await verdictOf(WRITE, RECEIPT)).toMatchObject({ matched: 0, early: ["id-1"] });
    const during = ["101 fdatasync(7</data/journal-a> <unfinished ...>", RECEIPT, "101 <... fdatasync resumed>) = 0"];
    expect(await verdictOf(WRITE, ...during)).toMatchObject({ matched: 0, early: ["id-1"] });
  });

  it("finds a receipt whose message was written while the sync ran already", async () => {
    const overlapping = ["102 fdatasync(7</data/journal-a> <unfinished ...>", WRITE, "102 <... fdatasync resumed>) = 0", RECEIPT];
    expect(await verdictOf(...overlapping)).toMatchObject({ matched: 0, early: ["id-1"] });
  });

  it("finds a receipt after the sync of another file, after a failed sync, and one of a message that is nowhere", async () => {
    expect(await verdictOf(WRITE, "101 fdatasync(8</data/journal-b>) = 0", RECEIPT)).toMatchObject({ matched: 0, early: ["id-1"] });
    const failed = "101 fdatasync(7</data/journal-a>) = -1 EIO (Input/output error)";
    expect(await verdictOf(WRITE, failed, RECEIPT)).toMatchObject({ matched: 0, early: ["id-1"] });
    expect(await verdictOf(SYNC, RECEIPT)).toMatchObject({ matched: 0, unstored: ["id-1"] });
  });

  it("refuses a log that strace cut", async () => {
    await expect(verdictOf('100 write(21<socket:[5]>, "ok i"..., 7) = 7')).rejects.toThrow("-s is too small");
  });
});
