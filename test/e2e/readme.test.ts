import { execFile } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Shell } from "./cli-process.js";

const README = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
const BINARY = fileURLToPath(new URL("../../packages/server/bin/holdfast.js", import.meta.url));

let shell: Shell;

beforeEach(() => {
  shell = new Shell();
});

afterEach(() => shell.close());

/** Lines of the first shell block under a heading. */
function linesUnder(heading: string): string[] {
  const [, block = ""] = /```sh\n([\s\S]*?)```/.exec(README.slice(README.indexOf(`\n## ${heading}\n`))) ?? [];
  return block.split("\n").filter((line) => line !== "");
}

it("the lines of the command line are as they stand there", async () => {
  const { url } = await shell.serve(shell.directory());
  const directory = shell.directory();
  const program = join(directory, "holdfast");
  writeFileSync(program, `#!/bin/sh\nexec ${process.execPath} ${BINARY} "$@"\n`);
  chmodSync(program, 0o755);
  for (const name of ["orders", "urgent", "reminders"]) writeFileSync(join(directory, `${name}.ndjson`), '{"item":"cod"}\n');
  const env = { ...process.env, HOLDFAST_URL: url, PATH: `${directory}:${process.env.PATH ?? ""}` };
  // The message whose receipts are asked for, as the user whom the command is.
  await shell.run(["emit", "kitchen", "order", "--id-field", "id", "--url", url], '{"id":"order-17"}\n');
  // What serves, or waits for somebody, is run by other tests.
  const ending = linesUnder("The command line").filter((line) => !/^holdfast (serve|consume|request|join) /.test(line));
  expect(ending.length).toBeGreaterThan(12);
  for (const line of ending) {
    await promisify(execFile)("sh", ["-c", line], { cwd: directory, env, timeout: 25_000 });
  }
}, 60_000);
