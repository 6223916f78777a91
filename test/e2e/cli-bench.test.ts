import { readdirSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Ended, Shell } from "./cli-process.js";

let shell: Shell;

beforeEach(() => {
  shell = new Shell();
});

afterEach(() => shell.close());

const queuesAt = (url: string): Promise<Ended> => shell.run(["queues", "--url", url]);

/** Resolves once the command has made its queue. */
async function queueAt(url: string): Promise<void> {
  while (!(await queuesAt(url)).stdout.startsWith("bench."));
}

const LATENCY = { p50: expect.any(Number), p99: expect.any(Number), max: expect.any(Number) };

describe("holdfast bench", () => {
  it("measures a server of its own and leaves nothing behind", async () => {
    const directory = shell.directory();
    const { code, stdout, stderr } = await shell.run(["bench", "--messages", "500", "--directory", directory, "--json"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const told = JSON.parse(stdout) as { readonly messagesPerSecond: number };
    expect(told).toMatchObject({
      messages: 500,
      bodyBytes: 256,
      window: 1_000,
      ordering: "none",
      consumers: 1,
      receiptMs: LATENCY,
      deliveryMs: LATENCY,
      server: { own: true, directory: expect.stringContaining(directory) },
    });
    expect(told.messagesPerSecond).toBeGreaterThan(0);
    expect(readdirSync(directory)).toEqual([]);
  });

  it("measures a running server, in each order, and deletes its queue", async () => {
    const { url } = await shell.serve(shell.directory());
    for (const flags of [
      ["--ordering", "key", "--keys", "7", "--consumers", "3"],
      ["--ordering", "fifo", "--body-bytes", "10", "--window", "5"],
    ]) {
      const { code, stdout, stderr } = await shell.run(["bench", "--url", url, "--messages", "200", ...flags]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(/^200 messages of \d+ bytes, .*\nserver at http:\/\/\S+\nNode\.js v\d+/);
      expect(stdout).toMatch(/\n[\d,]+ messages\/s, in \d+\.\d\d s\n/);
      expect(stdout).toMatch(/\nfrom the publish +p50 +p99 +max\nto its receipt +[\d.]+ ms +[\d.]+ ms +[\d.]+ ms\nto its delivery +/);
    }
    expect((await queuesAt(url)).stdout).toBe("");
  });

  it("deletes its queue, or ends its server, when it is interrupted", async () => {
    const { url } = await shell.serve(shell.directory());
    const running = shell.start(["bench", "--url", url, "--messages", "1000000", "--window", "1"]);
    await queueAt(url);
    const ended = await running.kill("SIGINT");
    expect(ended).toMatchObject({
      code: 130,
      stdout: "",
      stderr: expect.stringMatching(/^holdfast: interrupted \(\d+ messages acked\)\n$/),
    });
    expect((await queuesAt(url)).stdout).toBe("");
    const directory = shell.directory();
    const withOwn = shell.start(["bench", "--directory", directory, "--messages", "1000000", "--window", "1"]);
    while (readdirSync(directory).length === 0) await setImmediate();
    expect(await withOwn.kill("SIGINT")).toMatchObject({ code: 130, stdout: "" });
    expect(readdirSync(directory)).toEqual([]);
  });

  it("gives up when the server stays away", async () => {
    const server = await shell.serve(shell.directory());
    const flags = ["--messages", "1000000", "--window", "1", "--offline-timeout-ms", "300"];
    const running = shell.start(["bench", "--url", server.url, ...flags]);
    await queueAt(server.url);
    await server.cli.kill();
    const ended = await running.ended;
    expect(ended).toMatchObject({ code: 3, stdout: "", stderr: expect.stringContaining("stayed away for 300 ms") });
    expect(ended.stderr).toMatch(/queue bench\.\w+ was not deleted: /);
  });

  it("says in one line what is wrong", async () => {
    for (const [message, ...args] of [
      ["--keys is given with --ordering none, expected --ordering key", "--keys", "5"],
      ["expected one of them", "--url", "http://127.0.0.1:1", "--directory", "/tmp"],
      ["--directory /nowhere cannot be used: ENOENT", "--directory", "/nowhere"],
      ["from 10 to 200000", "--body-bytes", "9"],
      ["from 1 to 1024", "--window", "0"],
      ["from 1 to 1000000", "--messages", "x"],
    ]) {
      const ended = await shell.run(["bench", ...args]);
      expect(ended, args.join(" ")).toMatchObject({ code: 2, stdout: "" });
      expect(ended.stderr).toMatch(/^holdfast: [^\n]+\n$/);
      expect(ended.stderr).toContain(message);
    }
    const unreachable = await shell.run(["bench", "--url", `http://127.0.0.1:${await shell.freePort()}`, "--connect-timeout-ms", "300"]);
    expect(unreachable).toMatchObject({ code: 3, stderr: expect.stringContaining("no Holdfast server at") });
  });
});
