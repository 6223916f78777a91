import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RunningServer, Shell } from "./cli-process.js";

let shell: Shell;
let directory: string;
let server: RunningServer;

beforeEach(async () => {
  shell = new Shell();
  directory = shell.directory();
  server = await shell.serve(directory, 0, FLAGS);
});

afterEach(() => shell.close());

/** A consumer whose reader stands still settles nothing. */
const FLAGS = ["--drain-ms", "200"];

async function restart(signal: NodeJS.Signals): Promise<void> {
  const { port } = server;
  await server.cli.kill(signal);
  server = await shell.serve(directory, port, FLAGS);
}

const numbersOf = (output: string): number[] => [...output.matchAll(/^\{"line":(\d+),.*\}$/gm)].map(([, digits]) => Number(digits));

/** About 500 bytes each, so that a pipe holds few of them. */
const line = (number: number): string => `{"line":${number},"text":"${"x".repeat(480)}"}\n`;

const lines = (from: number, to: number): string => Array.from({ length: to - from + 1 }, (_, index) => line(from + index)).join("");

const LINES = 4_000;

describe.each(["SIGKILL", "SIGTERM"] as const)("a server that is ended with %s and comes back", (signal) => {
  it("costs a publisher nothing: each line is stored once and in order", async () => {
    const publisher = shell.start(["publish", "orders", "--url", server.url, "--json"]);
    publisher.child.stdin?.write(lines(1, 1_000));
    for (let sent = 1_000; sent < LINES; sent += 1_000) {
      // Most of what was sent is confirmed, the rest is on its way; and while the server stands still, more sets out.
      await publisher.out.until(() => publisher.lines.length >= sent - 500);
      server.cli.child.kill("SIGSTOP");
      publisher.child.stdin?.write(lines(sent + 1, sent + 1_000));
      expect(publisher.lines.length).toBeLessThan(sent + 1_000);
      if (signal !== "SIGKILL") server.cli.child.kill("SIGCONT");
      await restart(signal);
    }
    publisher.child.stdin?.end();
    const published = await publisher.ended;
    expect(published.code).toBe(0);
    expect(published.stderr).toMatch(/^4,000 published to orders [^\n]*\n$/);
    const { stdout } = await shell.run(["consume", "orders", "--url", server.url, "--until-empty"]);
    expect(numbersOf(stdout)).toEqual(Array.from({ length: LINES }, (_, index) => index + 1));
  });

  it("costs a consumer no line, and at most as many repetitions as were in flight", async () => {
    await shell.run(["publish", "orders", "--url", server.url], lines(1, LINES));
    const maxInFlight = 50;
    const consumer = shell.start(["consume", "orders", "--url", server.url, "--until-empty", "--max-in-flight", String(maxInFlight)]);
    const { stdout } = consumer.child;
    let restarts = 0;
    for (const at of [500, 1_500, 2_500]) {
      await consumer.out.until(() => consumer.lines.length >= at);
      // While nobody reads, the consumer holds all it may.
      stdout?.pause();
      await shell.inFlight(server.url, "orders", maxInFlight);
      await restart(signal);
      stdout?.resume();
      restarts++;
    }
    const ended = await consumer.ended;
    expect(ended.code).toBe(0);
    const numbers = numbersOf(ended.stdout);
    expect(new Set(numbers).size).toBe(LINES);
    expect(numbers.length - LINES).toBeGreaterThan(0);
    expect(numbers.length - LINES).toBeLessThanOrEqual(restarts * maxInFlight);
  });
});
