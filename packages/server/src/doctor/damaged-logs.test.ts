import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Holdfast } from "../holdfast.js";
import { examineDirectory, mendDirectory } from "./examine-directory.js";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-damaged-logs-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

it("P1: a damaged log of LevelDB is told before anything else is looked at, and again, until it is mended", async () => {
  for (const body of [1, 2]) {
    const holdfast = await Holdfast.open({ directory });
    await holdfast.queue("orders").publish(body);
    await holdfast.close();
  }
  const [name = ""] = readdirSync(directory).filter((found) => found.endsWith(".log"));
  const log = readFileSync(join(directory, name));
  log[20] = (log[20] ?? 0) ^ 1;
  writeFileSync(join(directory, name), log);
  for (let time = 0; time < 2; time++) {
    const { findings, examined } = await examineDirectory(directory);
    expect(findings).toEqual([expect.objectContaining({ what: expect.stringContaining(`LevelDB's log ${name} is damaged at byte 0`) })]);
    expect(examined).toEqual([]);
    await expect(Holdfast.open({ directory })).rejects.toThrow(`it is damaged: ${name} is damaged at byte 0`);
  }
  await mendDirectory(directory, []);
  const { findings } = await examineDirectory(directory);
  expect(findings.map(({ what }) => what)).not.toContainEqual(expect.stringContaining("log"));
});
