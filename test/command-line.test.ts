import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ROWS } from "./torture/rows/index.js";

const TIMEOUT_MS = 30_000;

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-command-line-"));
});

afterEach(() => rmSync(directory, { recursive: true }));

interface Ended {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program that finds no other programs. */
function run(name: "torture" | "soak", ...args: readonly string[]): Promise<Ended> {
  const program = fileURLToPath(new URL(`./dist/${name}.js`, import.meta.url));
  expect(existsSync(program), "it is built: npm run build --workspace holdfast-test").toBe(true);
  const env = { ...process.env, PATH: directory };
  return new Promise((resolve) =>
    execFile(process.execPath, [program, ...args], { env, timeout: TIMEOUT_MS }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
    ),
  );
}

it.each([
  ["torture", ["--only", "1,99"], "Row 99 does not exist"],
  ["torture", ["--seed", "1.5"], "Expected an integer"],
  ["torture", ["now"], "too many arguments"],
  ["soak", ["--minutes", ""], "Expected a number of minutes"],
  ["soak", ["--minutes", "0"], "Expected more than 0"],
] as const)("%s %j is a bad flag or argument", async (name, args, why) => {
  const { code, stdout, stderr } = await run(name, ...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(/^error: .*\n$/);
  expect(stderr).toContain(why);
});

it("a torture's help lists its rows; both helps say what the exit codes mean, with an example", async () => {
  const [torture, soak] = await Promise.all([run("torture", "--help"), run("soak", "--help")]);
  expect([torture.code, soak.code]).toEqual([0, 0]);
  for (const { number, title } of ROWS) expect(torture.stdout).toContain(`\n  ${String(number).padStart(2)}  ${title}\n`);
  for (const { stdout } of [torture, soak]) {
    expect(stdout).toMatch(/\nExit codes:\n {2}0 .*\n {2}1 .*\n {2}2 .*\n\nExamples?:\n {2}\$ npm run /);
  }
});

it("looks before all work whether its report or its output can be written", async () => {
  const nowhere = join(directory, "nowhere");
  const file = join(directory, "file");
  writeFileSync(file, "something");
  const [report, output] = await Promise.all([run("torture", "--report", join(nowhere, "report.md")), run("soak", "--output", file)]);
  expect(report).toMatchObject({ code: 2, stdout: "" });
  expect(report.stderr).toBe(`error: --report: ${join(nowhere, "report.md")} cannot be written: expected ${nowhere} to be a directory\n`);
  expect(output).toMatchObject({ code: 2, stdout: "" });
  expect(output.stderr).toMatch(/^error: --output: .*\n$/);
  expect(readdirSync(directory)).toEqual(["file"]);
  expect(readFileSync(file, "utf8")).toBe("something");
});

it("a torture of which nothing ran is no success", async () => {
  const report = join(directory, "report.md");
  const { code, stdout } = await run("torture", "--only", "4", "--minutes", "0", "--report", report);
  expect(code).toBe(1);
  expect(stdout).toMatch(/ 4 skipped .*: strace does not run: it is not installed\nnothing ran: every row was skipped\n$/);
  expect(readFileSync(report, "utf8")).toContain("| strace does not run: it is not installed | skipped |");
});
