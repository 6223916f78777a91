import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Cli, type Ended, type RunningServer, Shell } from "./cli-process.js";

let shell: Shell;
let directory: string;
let server: RunningServer;

beforeEach(async () => {
  shell = new Shell();
  directory = shell.directory();
  server = await shell.serve(directory);
});

afterEach(() => shell.close());

const emit = (input: string, ...args: string[]): Promise<Ended> => shell.run(["emit", "kitchen", ...args, "--url", server.url], input);

/** Starts to listen and resolves when the user is a member. */
async function join(...flags: string[]): Promise<Cli> {
  const cli = shell.start(["join", "kitchen", "--url", server.url, ...flags]);
  await cli.err.until((text) => text.includes("joined kitchen"));
  return cli;
}

const parsed = (cli: Cli): unknown[] => cli.lines.map((line) => JSON.parse(line) as unknown);

describe("holdfast emit and join", () => {
  it("emit the arguments of the command line as one event, which every member writes as a line", async () => {
    const [bob, cid] = [await join("--user", "bob", "--count", "1"), await join("--user", "cid", "--count", "1", "--meta")];
    const emitted = await emit("", "order", '{"table":4}', "7");
    expect(emitted).toMatchObject({ code: 0, stdout: "", stderr: "emitted to kitchen as 1\n" });
    expect((await bob.ended).code).toBe(0);
    expect((await cid.ended).code).toBe(0);
    expect(parsed(bob)).toEqual([{ event: "order", args: [{ table: 4 }, 7] }]);
    const meta = { id: expect.any(String), room: "kitchen", sequence: 1, redelivered: false, sender: expect.any(String) };
    expect(parsed(cid)).toEqual([{ event: "order", args: [{ table: 4 }, 7], ...meta }]);
  });

  it("emit lines, as the only argument, as arrays of arguments, and as texts", async () => {
    const bob = await join("--user", "bob", "--count", "5");
    expect(await emit('{"n":1}\n\n{"n":2}\n', "order")).toMatchObject({ code: 0, stderr: expect.stringMatching(/^2 emitted to kitchen/) });
    await emit("[]\n[1,2]\n", "order", "--args");
    const { stdout } = await emit("", "say", "hello", "--text", "--json");
    expect(JSON.parse(stdout)).toEqual({ id: expect.any(String), sequence: 5, duplicate: false });
    await bob.ended;
    expect(parsed(bob)).toEqual([
      { event: "order", args: [{ n: 1 }] },
      { event: "order", args: [{ n: 2 }] },
      { event: "order", args: [] },
      { event: "order", args: [1, 2] },
      { event: "say", args: ["hello"] },
    ]);
  });

  it("go on where they were: what came meanwhile is written first, also after a crash", async () => {
    const first = await join("--user", "bob", "--count", "1");
    await emit("", "n", "1");
    expect((await first.ended).code).toBe(0);
    await emit("2\n3\n", "n");
    const { port } = server;
    await server.cli.kill();
    server = await shell.serve(directory, port);
    await emit("", "n", "4");
    const second = await join("--user", "bob", "--count", "3");
    await second.ended;
    expect(parsed(second)).toEqual([2, 3, 4].map((n) => ({ event: "n", args: [n] })));
  });

  it("leave out whom they are told to, and emit what has the same id once", async () => {
    const [bob, cid] = [await join("--user", "bob", "--count", "1"), await join("--user", "cid", "--count", "2")];
    await emit('{"id":"o-1"}\n{"id":"o-1"}\n', "order", "--id-field", "id", "--except-user", "bob");
    await emit("", "end", "1");
    await Promise.all([bob.ended, cid.ended]);
    expect(parsed(bob)).toEqual([{ event: "end", args: [1] }]);
    expect(parsed(cid)).toEqual([
      { event: "order", args: [{ id: "o-1" }] },
      { event: "end", args: [1] },
    ]);
  });

  it("say in one line what is wrong", async () => {
    expect(await emit("", "order", "{table")).toMatchObject({ code: 2, stderr: expect.stringContaining('argument 1 is "{table"') });
    expect(await emit("", "disconnect", "1")).toMatchObject({ code: 4, stderr: expect.stringContaining("event is") });
    expect(await emit("1\n", "holdfast:gap")).toMatchObject({ code: 4 });
    expect(await emit("1\n{\n", "order")).toMatchObject({ code: 5, stderr: expect.stringContaining("(1 emitted)") });
    const noArray = await emit("[1]\n5\n[2]\n", "order", "--args");
    expect(noArray).toMatchObject({ code: 5, stderr: expect.stringContaining("line 2 is JSON, but no array of arguments (1 emitted)") });
    const none = await emit("{\n", "order", "--skip-invalid");
    expect(none.stderr).toContain("none of 1 lines could be emitted");
    expect(await shell.run(["join", "kit chen", "--url", server.url])).toMatchObject({ code: 2 });
    const first = await join("--user", "bob");
    await join("--user", "bob");
    expect(await first.ended).toMatchObject({ code: 1, stderr: expect.stringContaining("another connection") });
  });
});
