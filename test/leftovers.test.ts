import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { whyNoMount } from "./crash/small-disk.js";
import { whyNoStrace } from "./crash/strace.js";
import { whyNoMemory } from "./torture/power/employ.js";

const POLL_MS = 20;
/** Counted and not by the clock, so that it does not run out while all of this stands still. */
const POLLS_MAX = 1_000;
const TIMEOUT_MS = 120_000;

/** Throws when it gets that signal, and nobody handles it. */
const FRAGILE = ["--import", "data:text/javascript,process.on('SIGUSR2',()=>{throw new Error('fragile')})"];

let directory: string;
let program: ChildProcess;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-leftovers-"));
});

afterEach(async () => {
  // After a test that failed.
  for (const pid of members()) kill(pid);
  await until(() => members().length === 0);
  rmSync(directory, { recursive: true, force: true });
});

/** A program of the tests, which makes everything that is to go with it in the test's directory. */
function start(name: string, args: readonly string[], nodeArgs: readonly string[] = []): void {
  const path = fileURLToPath(new URL(`./dist/${name}.js`, import.meta.url));
  expect(existsSync(path), "it is built: npm run build --workspace holdfast-test").toBe(true);
  const env = { ...process.env, TMPDIR: directory };
  program = spawn(process.execPath, [...nodeArgs, path, ...args], { env, stdio: "ignore" });
}

/** Whatever runs for the program and its processes, itself among them, whoever its parent is: what it inherited tells. */
const members = (): number[] =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => textOf(pid, "environ").includes(`TMPDIR=${directory}\0`));

const running = (what: string): number => members().filter((pid) => textOf(pid, "cmdline").includes(what)).length;

/** Of a process that is none, or that is over and only has to be buried, it is empty. */
function textOf(pid: number, file: "environ" | "cmdline"): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}

async function until(isSo: () => boolean): Promise<void> {
  for (let polls = 0; !isSo(); polls++) {
    if (polls >= POLLS_MAX) throw new Error(`there still run: ${members().map((pid) => `${pid} ${textOf(pid, "cmdline")}`)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Sends the signal, and resolves to the exit code once all is over. */
async function end(signal: NodeJS.Signals): Promise<number | null> {
  const exit = once(program, "exit");
  program.kill(signal);
  const [code] = (await exit) as [number | null];
  await until(() => members().length === 0);
  return code;
}

const mounts = (): string[] =>
  readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .filter((line) => line.includes(directory));

describe("a program that is ended leaves nothing", { timeout: TIMEOUT_MS }, () => {
  it("a soak by SIGTERM: its server, clients and talkers", async () => {
    start("soak", ["--minutes", "5", "--output", join(directory, "output")]);
    await until(() => running("holdfast.js") === 1 && running("torture-client.js") === 5 && running("soak-talker.js") === 2);
    expect(await end("SIGTERM")).toBe(143);
    expect(readdirSync(directory)).toEqual(["output"]);
  });

  const missing = whyNoStrace() ?? whyNoMount() ?? whyNoMemory();
  it.skipIf(missing !== undefined)("a torture by SIGINT: its traced server, and the file system it mounted", async () => {
    start("torture", ["--only", "3", "--report", join(directory, "report.md")]);
    await until(() => running("strace") > 0 && running("torture-client.js") > 3 && mounts().length > 0);
    expect(await end("SIGINT")).toBe(130);
    expect(mounts()).toEqual([]);
    expect(readdirSync(directory)).toEqual([]);
  });

  it("a torture by an error that nobody handles", async () => {
    start("torture", ["--only", "1", "--report", join(directory, "report.md")], FRAGILE);
    await until(() => running("holdfast.js") > 0 && running("torture-client.js") > 0);
    expect(await end("SIGUSR2")).toBe(1);
    expect(readdirSync(directory)).toEqual([]);
  });
});
