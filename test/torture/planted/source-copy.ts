import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Edit } from "./bug.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const BUILDER = join("node_modules", "tsdown", "dist", "run.mjs");
const TESTER = join("node_modules", "vitest", "vitest.mjs");
/** What is built of the copy: programs of the tests, and the server. */
const COPIED = [
  "package.json",
  "tsconfig.json",
  "tsconfig.build.json",
  "vitest.config.ts",
  "packages/client/package.json",
  "packages/client/src",
  "packages/server/package.json",
  "packages/server/tsdown.config.ts",
  "packages/server/bin",
  "packages/server/src",
  "test",
];
/** What is built or installed, and of this source tree. */
const LEFT_OUT = ["dist", "node_modules"];
const PATCHED = join("packages", "server", "src");
const RUN_MS_MAX = 240_000;
const SAID_BYTES_MAX = 64 * 1024 * 1024;

/** What is read of a report of tests. */
interface TestReport {
  readonly testResults: readonly { readonly assertionResults: readonly { readonly status: string; readonly title: string }[] }[];
}

/** A copy of the sources in a directory of its own, in which bugs are planted, and what is built of it. */
export class SourceCopy {
  readonly #directory: string;

  /** @param directory is made, and must not be there */
  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true });
    const filter = (path: string): boolean => !LEFT_OUT.includes(basename(path));
    for (const path of COPIED) cpSync(join(ROOT, path), join(directory, path), { recursive: true, filter });
    symlinkSync(join(ROOT, "node_modules"), join(directory, "node_modules"));
  }

  /**
   * Plants a bug, and returns what takes it out again.
   *
   * @throws Error when a place to be changed is not there exactly once: the source went on, and the bug has to follow it
   */
  plant(edits: readonly Edit[]): () => void {
    const before = new Map<string, string>();
    const takeOut = (): void => {
      for (const [path, text] of before) writeFileSync(path, text);
    };
    try {
      for (const { file, find, replace } of edits) {
        const path = join(this.#directory, PATCHED, file);
        const text = existsSync(path) ? readFileSync(path, "utf8") : "";
        before.set(path, before.get(path) ?? text);
        writeFileSync(path, patched(text, { file, find, replace }));
      }
    } catch (error) {
      takeOut();
      throw error;
    }
    return takeOut;
  }

  /** Builds the programs of the tests, of which one simulates, and one judges images of crashes. */
  async buildTests(): Promise<{ readonly simulation: string; readonly images: string }> {
    await this.#build("test");
    const program = (name: string): string => join(this.#directory, "test", "dist", name);
    return { simulation: program("worker.js"), images: program("torture-images.js") };
  }

  /** Builds the server, and gives the command that runs it. */
  async buildServer(): Promise<string> {
    await this.#build("packages/server", "--no-dts");
    return join(this.#directory, "packages", "server", "bin", "holdfast.js");
  }

  async #build(part: string, ...flags: readonly string[]): Promise<void> {
    const { isGood, said } = await this.#run(part, BUILDER, "--logLevel", "error", ...flags);
    if (!isGood) throw new Error(`${part} of the copy is not built: ${said}`);
  }

  /** Runs a file of tests, and gives the names of cases that fail. */
  async failingCases(file: string): Promise<string[]> {
    const report = join(this.#directory, "report.json");
    rmSync(report, { force: true });
    const { said } = await this.#run(".", TESTER, "run", file, "--reporter=json", `--outputFile=${report}`);
    if (!existsSync(report)) throw new Error(`${file} of the copy does not run: ${said}`);
    const { testResults } = JSON.parse(readFileSync(report, "utf8")) as TestReport;
    return testResults.flatMap(({ assertionResults }) =>
      assertionResults.filter(({ status }) => status === "failed").map(({ title }) => title),
    );
  }

  #run(part: string, program: string, ...args: readonly string[]): Promise<{ readonly isGood: boolean; readonly said: string }> {
    // What they leave behind when they are ended goes with the copy.
    const env = { ...process.env, TMPDIR: this.#directory };
    const options = { cwd: join(this.#directory, part), env, timeout: RUN_MS_MAX, maxBuffer: SAID_BYTES_MAX };
    return new Promise((resolve) => {
      execFile(process.execPath, [join(this.#directory, program), ...args], options, (error, stdout, stderr) =>
        resolve({ isGood: error === null, said: `${stdout}${stderr}` }),
      );
    });
  }
}

/** The text with one place changed. */
export function patched(text: string, { file, find, replace }: Edit): string {
  const parts = text.split(find);
  const [before, after] = parts;
  if (parts.length !== 2 || before === undefined || after === undefined)
    throw new Error(`the patch does not apply: ${file} has ${parts.length - 1} times ${JSON.stringify(find)}, expected 1`);
  return `${before}${replace}${after}`;
}
