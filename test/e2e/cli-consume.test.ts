import { once } from "node:events";
import { openSync } from "node:fs";
import { connect } from "holdfast-client";
import { admin } from "holdfast-client/admin";
import { describe, expect, it } from "vitest";
import type { Cli, Ended } from "./cli-process.js";
import { ServedShell } from "./served-shell.js";

const served = ServedShell.forEachTest();

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, index) => String(from + index));

async function publish(lines: readonly string[]): Promise<void> {
  const ended = await served.shell.run(["publish", "orders", "--url", served.url], `${lines.join("\n")}\n`);
  expect(ended.code).toBe(0);
}

const consuming = (...flags: string[]): string[] => ["consume", "orders", "--url", served.url, ...flags];

const consume = (...flags: string[]): Promise<Ended> => served.shell.run(consuming(...flags));

async function stats(): Promise<Record<string, unknown>> {
  const { stdout } = await served.shell.run(["stats", "orders", "--url", served.url, "--json"]);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** Numbers written on whole lines, in ascending order. */
const sorted = (...outputs: string[]): number[] =>
  outputs.flatMap((text) => text.split("\n").slice(0, -1).map(Number)).sort((a, b) => a - b);

describe("holdfast consume", () => {
  it("takes 10,000 lines from a publisher that works at the same time, each once and in order", async () => {
    const lines = numbers(1, 10_000).map((number) => `{"line":${number},"text":"${"x".repeat(Number(number) % 50)}"}`);
    const consumer = served.shell.start(consuming("--count", "10000"));
    await publish(lines);
    const ended = await consumer.ended;
    expect(ended).toMatchObject({ code: 0, stderr: "" });
    expect(ended.stdout).toBe(`${lines.join("\n")}\n`);
    expect(await stats()).toMatchObject({ ready: 0, inFlight: 0, acked: 10_000, dead: 0 });
  });

  it("ends after --count, and returns the rest without counting an attempt", async () => {
    await publish(numbers(1, 200));
    expect((await consume("--count", "10")).stdout).toBe(`${numbers(1, 10).join("\n")}\n`);
    const rest = (await consume("--until-empty", "--meta")).stdout.split("\n").slice(0, -1);
    const messages = rest.map((line) => JSON.parse(line) as { body: number; attempt: number });
    expect(messages.map(({ body }) => body).sort((a, b) => a - b)).toEqual(numbers(11, 200).map(Number));
    expect(messages.every(({ attempt }) => attempt === 1)).toBe(true);
  });

  it("tells with --meta what is known of a message, and writes bytes as base64", async () => {
    const holdfast = connect(served.url);
    const { id, sequence } = await holdfast.queue("orders").publish(Uint8Array.of(1, 2, 3), { event: "photo", headers: { trace: "x" } });
    await holdfast.close();
    const { stdout } = await consume("--count", "1", "--meta");
    const expected = { id, sequence, attempt: 1, event: "photo", headers: { trace: "x" }, body: { $base64: "AQID" } };
    expect(JSON.parse(stdout)).toEqual({ ...expected, publishedAt: expect.any(Number) });
  });

  it("ends when the queue has been idle", async () => {
    await publish(["1"]);
    expect(await consume("--idle-exit-ms", "300")).toMatchObject({ code: 0, stdout: "1\n", stderr: "" });
  });

  it("stays with --until-empty while another holds messages, and gets them when that one is lost", async () => {
    await publish(numbers(1, 20));
    const holder = connect(served.url);
    const held = holder.queue("orders").consume({ maxInFlight: 5 });
    for (let taken = 0; taken < 5; taken++) await held.next();
    const consumer = served.shell.start(consuming("--until-empty"));
    await consumer.out.until((text) => sorted(text).length === 15);
    await holder.close();
    const ended = await consumer.ended;
    expect(ended.code).toBe(0);
    expect(sorted(ended.stdout)).toEqual(numbers(1, 20).map(Number));
  });

  it("finishes on SIGINT and on SIGTERM what it wrote, and ends with 0", async () => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      await publish(["1", "2", "3"]);
      const consumer = served.shell.start(consuming());
      await consumer.out.until((text) => text === "1\n2\n3\n");
      expect(await consumer.kill(signal)).toMatchObject({ code: 0, stderr: "" });
      expect(await stats()).toMatchObject({ ready: 0, inFlight: 0, consumers: 0 });
    }
    const unfinished = served.shell.start(consuming("--count", "5"));
    await publish(["1"]);
    await unfinished.out.until((text) => text === "1\n");
    expect(await unfinished.kill("SIGINT")).toMatchObject({ code: 130, stderr: "holdfast: interrupted (1 written)\n" });
  });

  it("ends with 0 when its reader closes the pipe, and loses nothing that was not written", async () => {
    const lines = numbers(1, 3_000).map((number) => `"${number.padStart(1_000, "0")}"`);
    await publish(lines);
    const consumer = served.shell.start(consuming());
    await consumer.out.until((text) => text.length > 0);
    consumer.child.stdout?.destroy();
    expect(await consumer.ended).toMatchObject({ code: 0, stderr: "" });
    const { acked, ready } = await stats();
    expect(Number(acked) + Number(ready)).toBe(3_000);
    const rest = await consume("--until-empty");
    expect(rest.stdout.split("\n").length - 1).toBe(ready);
  });

  it("fails when its output cannot be written, and acknowledges nothing", async () => {
    await publish(["1", "2", "3"]);
    const ended = await served.shell.run(consuming(), "", { stdio: ["ignore", openSync("/dev/full", "w"), "pipe"] });
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/^holdfast: standard output: ENOSPC[^\n]*\n$/);
    expect(await stats()).toMatchObject({ ready: 3, acked: 0 });
  });

  it("says when the queue was deleted", async () => {
    await publish(["1"]);
    const consumer = served.shell.start(consuming());
    await consumer.out.until((text) => text === "1\n");
    const holdfast = connect(served.url);
    await admin(holdfast).queue("orders").delete();
    await holdfast.close();
    expect(await consumer.ended).toMatchObject({ code: 4, stderr: expect.stringMatching(/^holdfast: [^\n]*orders ended: deleted\n$/) });
  });
});

describe("a reader that pauses", () => {
  const lines = numbers(1, 1_500).map((number) => number.padStart(1_000, "0"));

  /** Messages of another queue whose lease runs out again and again: a clock that does not need sleeping. */
  async function leasesPassed(count: number): Promise<void> {
    const holdfast = connect(served.url);
    const clock = holdfast.queue("clock");
    await clock.define({ leaseMs: 1_000, maxAttempts: 0, backoff: { type: "fixed", delayMs: 0 } });
    await clock.publish("tick");
    for await (const { attempt } of clock.consume()) if (attempt > count) break;
    await holdfast.close();
  }

  async function pausedConsumer(): Promise<Cli> {
    await served.shell.run(["define", "orders", "--url", served.url, "--lease-ms", "1000", "--max-attempts", "1"]);
    await served.shell.run(["publish", "orders", "--url", served.url, "--text"], `${lines.join("\n")}\n`);
    const consumer = served.shell.start(consuming("--max-in-flight", "1000", "--until-empty"));
    await consumer.out.until((text) => text.length > 0);
    consumer.child.stdout?.pause();
    await served.shell.inFlight(served.url, "orders", 1_000);
    return consumer;
  }

  it("costs no attempt, although the leases would have ended", async () => {
    const consumer = await pausedConsumer();
    await leasesPassed(2);
    expect(await stats()).toMatchObject({ dead: 0, inFlight: 1_000 });
    consumer.child.stdout?.resume();
    const ended = await consumer.ended;
    expect(ended.code).toBe(0);
    expect(ended.stdout).toBe(lines.map((line) => `"${line}"\n`).join(""));
  });

  it("makes the first signal wait, and the second end the command at once", async () => {
    const consumer = await pausedConsumer();
    consumer.child.kill("SIGINT");
    await leasesPassed(1);
    expect(consumer.child.exitCode).toBe(null);
    consumer.child.kill("SIGINT");
    expect(await once(consumer.child, "exit")).toEqual([130, null]);
    consumer.child.stdout?.resume();
    await consumer.ended;
  });
});
