import { closeSync, openSync } from "node:fs";
import { afterEach, expect, it } from "vitest";
import { Shell } from "./cli-process.js";

const shell = new Shell();

afterEach(() => shell.close());

/** The help of a command and of those below it, each by its words. */
async function helpOf(...words: string[]): Promise<Map<string, string>> {
  const { code, stdout, stderr } = await shell.run([...words, "--help"]);
  expect({ code, stderr }, words.join(" ")).toEqual({ code: 0, stderr: "" });
  const [, list = ""] = stdout.split("\nCommands:\n");
  const names = [...list.matchAll(/^ {2}([a-z]+)/gm)].map(([, name = ""]) => name).filter((name) => name !== "help");
  const below = await Promise.all(names.map((name) => helpOf(...words, name)));
  return new Map([[words.join(" "), stdout], ...below.flatMap((each) => [...each])]);
}

it("every command has examples of itself and the exit codes in its help", async () => {
  const help = await helpOf();
  expect(help.size).toBeGreaterThan(30);
  expect([...help.keys()]).toEqual(expect.arrayContaining(["serve", "dead redrive", "blocked skip", "members add", "schedule set"]));
  for (const [command, text] of help) {
    const [, examples = ""] = text.split("\nExamples:\n");
    const [first = ""] = examples.split("\n");
    // What is published comes from somewhere.
    if (command === "publish") expect(first).toMatch(/^ {2}\$ .*\| holdfast publish /);
    else expect(first, command).toMatch(new RegExp(`^ {2}\\$ holdfast ${command}`));
    expect(text, command).toContain("Exit codes:\n  0 ");
    // An empty list says nothing.
    expect(text, command).not.toContain("default: []");
  }
  expect(help.get("bench")).toContain("Examples:\n  $ holdfast bench\n");
}, 120_000);

it("help ends quietly when nobody reads it", async () => {
  const cli = shell.start(["consume", "--help"]);
  cli.child.stdout?.destroy();
  expect(await cli.ended).toMatchObject({ code: 0, stderr: "" });
});

it("help says in one line that it could not be written", async () => {
  const full = openSync("/dev/full", "w");
  try {
    const cli = shell.start(["consume", "--help"], { stdio: ["ignore", full, "pipe"] });
    expect(await cli.ended).toMatchObject({ code: 1, stderr: expect.stringMatching(/^holdfast: standard output: ENOSPC[^\n]*\n$/) });
  } finally {
    closeSync(full);
  }
});
