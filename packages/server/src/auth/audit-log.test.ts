import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silentLog } from "../log.js";
import { type AuditEntry, AuditLog } from "./audit-log.js";

const entry = (operation: string): AuditEntry => {
  return { who: "ann", by: "token", from: "127.0.0.1", through: "/admin", operation, request: { queue: "orders" }, outcome: "ok" };
};

describe("the audit log", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "holdfast-audit-"));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it("says who changed what, when and from where, one object a line", async () => {
    const log = new AuditLog(join(directory, "auth", "audit.ndjson"), silentLog, () => 0);
    await Promise.all([log.record(entry("purge")), log.record(entry("delete"))]);
    await log.close();
    const lines = (await readFile(join(directory, "auth", "audit.ndjson"), "utf8")).trimEnd().split("\n");
    expect(lines.map((line): unknown => JSON.parse(line))).toEqual([
      { at: "1970-01-01T00:00:00.000Z", ...entry("purge") },
      { at: "1970-01-01T00:00:00.000Z", ...entry("delete") },
    ]);
  });

  it("is as large as a few files, and loses its oldest lines only", async () => {
    const path = join(directory, "audit.ndjson");
    const log = new AuditLog(path, silentLog, () => 0, 1_000);
    for (let number = 0; number < 200; number++) await log.record(entry(`n${number}`));
    await log.close();
    const files = await readdir(directory);
    expect(files.sort()).toEqual(["audit.ndjson", ...[1, 2, 3, 4, 5, 6, 7].map((number) => `audit.ndjson.${number}`)]);
    for (const file of files) expect((await stat(join(directory, file))).size).toBeLessThan(1_300);
    expect(await readFile(path, "utf8")).toContain('"n199"');
    const all = (await Promise.all(files.map((file) => readFile(join(directory, file), "utf8")))).join("");
    const numbers = [...all.matchAll(/"n(\d+)"/g)].map(([, number]) => Number(number)).sort((a, b) => a - b);
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => 200 - numbers.length + index));
  });

  it("goes on in its file after a restart", async () => {
    const path = join(directory, "audit.ndjson");
    for (const operation of ["purge", "pause"]) {
      const log = new AuditLog(path, silentLog, () => 0);
      await log.record(entry(operation));
      await log.close();
    }
    expect((await readFile(path, "utf8")).match(/purge|pause/g)).toEqual(["purge", "pause"]);
  });

  it("tells the operator what it could not write, and does not fail", async () => {
    const errors: string[] = [];
    const log = new AuditLog("/dev/null/audit.ndjson", { ...silentLog, error: (line) => errors.push(line) }, () => 0);
    await log.record(entry("purge"));
    expect(errors).toEqual([expect.stringMatching(/the audit log cannot be written.*not in it: .*purge/)]);
  });
});
