import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "holdfast-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Shell } from "./cli-process.js";

let shell: Shell;
let root: string;
const at = (name: string): string => join(root, name);

beforeEach(() => {
  shell = new Shell();
  root = mkdtempSync(join(tmpdir(), "holdfast-backup-"));
});
afterEach(async () => {
  await shell.close();
  rmSync(root, { recursive: true });
});

const LINES = 2_000;
const lines = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, index) => `{"line":${from + index},"text":"${"x".repeat(300)}"}\n`).join("");
const numbersOf = (output: string): number[] => [...output.matchAll(/^\{"line":(\d+),.*\}$/gm)].map(([, digits]) => Number(digits));

describe("backup and restore", () => {
  it("P1: a backup of a server under load has everything whose receipt came before, in order and without a hole", async () => {
    const server = await shell.serve(at("data"));
    expect((await shell.run(["publish", "orders", "--url", server.url], lines(1, LINES))).code).toBe(0);
    const publisher = shell.start(["publish", "orders", "--url", server.url, "--json"]);
    publisher.child.stdin?.write(lines(LINES + 1, 2 * LINES));
    await publisher.out.until(() => publisher.lines.length >= 200);
    const confirmed = LINES + publisher.lines.length;
    const backup = await shell.run(["backup", "--output", at("orders.hfbackup"), "--url", server.url, "--json"]);
    expect(backup).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(backup.stdout)).toEqual({ output: at("orders.hfbackup"), bytes: readFileSync(at("orders.hfbackup")).length });
    publisher.child.stdin?.end();
    expect((await publisher.ended).code).toBe(0);
    await server.cli.kill("SIGKILL");

    const restored = await shell.run(["restore", "--input", at("orders.hfbackup"), "--directory", at("restored")]);
    expect(restored).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[\d,]+ entries as of \S+ restored to /) });
    const doctor = await shell.run(["doctor", "--directory", at("restored"), "--json"]);
    expect(JSON.parse(doctor.stdout)).toMatchObject({ findings: [], examined: [{ kind: "queue", name: "orders" }] });
    const second = await shell.serve(at("restored"));
    const { stdout } = await shell.run(["consume", "orders", "--url", second.url, "--until-empty"]);
    const numbers = numbersOf(stdout);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    expect(numbers.length).toBeGreaterThanOrEqual(confirmed);
  }, 60_000);

  it("says in one line why it cannot: no server, a file cut off, a directory with something in it", async () => {
    const away = await shell.run(["backup", "--output", at("none"), "--url", "http://127.0.0.1:9", "--connect-timeout-ms", "300"]);
    expect(away).toMatchObject({ code: 3 });
    const server = await shell.serve(at("data"));
    await shell.run(["backup", "--output", at("whole"), "--url", server.url]);
    const piped = await shell.run(["backup", "--output", "/dev/stdout", "--url", server.url]);
    expect(piped).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(/^holdfast: \/dev\/stdout is no regular file/) });
    writeFileSync(at("cut"), readFileSync(at("whole")).subarray(0, -1));
    const cut = await shell.run(["restore", "--input", at("cut"), "--directory", at("restored")]);
    expect(cut).toMatchObject({ code: 2, stderr: expect.stringMatching(/^holdfast: the backup is incomplete[^\n]*\n$/) });
    const full = await shell.run(["restore", "--input", at("whole"), "--directory", at("data")]);
    expect(full).toMatchObject({ code: 2, stderr: expect.stringContaining("expected an empty one or no such directory") });
    expect(readdirSync(root).sort()).toEqual(["cut", "data", "whole"]);
  });
});

describe("doctor", () => {
  it("finds a flipped byte of a block in a stopped store, mends it, and says what is lost; the rest is delivered", async () => {
    const server = await shell.serve(at("data"));
    for (const from of [1, 101, 201]) await shell.run(["publish", "orders", "--url", server.url], lines(from, from + 99));
    const running = await shell.run(["doctor", "--directory", at("data")]);
    expect(running).toMatchObject({ code: 1, stderr: expect.stringContaining("is used by another process") });
    await server.cli.kill("SIGTERM");
    expect(await shell.run(["doctor", "--directory", at("data")])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("nothing was found"),
    });

    await flipByte("orders", 1);
    const found = await shell.run(["doctor", "--directory", at("data"), "--json"]);
    expect(found.code).toBe(1);
    const { findings } = JSON.parse(found.stdout) as { findings: { of: string; what: string; mend: string }[] };
    expect(findings[0]).toMatchObject({
      of: "queue orders of /",
      what: expect.stringMatching(/is damaged: .*CRC/),
      mend: expect.stringContaining("are lost"),
    });
    const [, first, last] = /sequences (\d+) to (\d+)/.exec(findings[0]?.what ?? "")?.map(Number) ?? [];

    const mended = await shell.run(["doctor", "--directory", at("data"), "--mend"]);
    expect(mended).toMatchObject({ code: 0, stdout: expect.stringContaining("nothing is found any more") });
    expect(readdirSync(root).filter((name) => name.startsWith("data.before-mend-"))).toHaveLength(1);
    const second = await shell.serve(at("data"));
    const { stdout } = await shell.run(["consume", "orders", "--url", second.url, "--until-empty"]);
    const kept = Array.from({ length: 300 }, (_, index) => index + 1).filter((number) => number < (first ?? 0) || number > (last ?? 0));
    expect(numbersOf(stdout)).toEqual(kept);
    expect(kept.length).toBeLessThan(300);
  }, 60_000);

  it("finds the journal of a killed server cut, which then does not start, and mends it and what lies behind it at once", async () => {
    const server = await shell.serve(at("data"));
    for (const from of [1, 101, 201]) await shell.run(["publish", "orders", "--url", server.url], lines(from, from + 99));
    await server.cli.kill("SIGKILL");
    const journal = join(at("data"), "journal-a");
    truncateSync(journal, readFileSync(journal).findLastIndex((byte) => byte !== 0) - 1_000);
    const refused = await shell.run(["serve", "--directory", at("data"), "--port", "0"]);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/the journal is damaged: journal-a has \d+ bytes, expected/) });

    const mended = await shell.run(["doctor", "--directory", at("data"), "--mend", "--no-copy"]);
    expect(mended).toMatchObject({ code: 0, stdout: expect.stringContaining("nothing is found any more") });
    expect(mended.stdout).toContain("(mending takes from the journal what can be read");
    const second = await shell.serve(at("data"));
    const { stdout } = await shell.run(["consume", "orders", "--url", second.url, "--until-empty"]);
    const numbers = numbersOf(stdout);
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => index + 1));
    expect(numbers.length).toBeGreaterThanOrEqual(100);
    expect(numbers.length).toBeLessThan(300);
  }, 60_000);

  it("makes no store where there is none", async () => {
    const none = await shell.run(["doctor", "--directory", at("none")]);
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining("has no store") });
    expect(readdirSync(root)).toEqual([]);
  });
});

/** Changes a byte of a stored block, as a disk may. */
async function flipByte(queue: string, index: number): Promise<void> {
  const { createLevelStore } = await import("../../packages/server/src/engines/level/create-level-store.js");
  const store = createLevelStore(at("data"));
  await store.open();
  const blocks = await store.read({ from: Buffer.of(0x20), to: Buffer.of(0x21), entriesMax: 100, bytesMax: 10_000_000 });
  const [key, value] = blocks[index] ?? [];
  if (key === undefined || value === undefined) throw new Error(`${queue} has ${blocks.length} blocks`);
  const changed = Buffer.from(value);
  changed[changed.length - 3] = (changed[changed.length - 3] ?? 0) ^ 1;
  await store.write([{ key, value: changed }]);
  await store.close();
}

describe("a rolling restart under load", () => {
  it("is a pause: no publish fails, nothing is lost, and what a handler was at is settled and does not come twice", async () => {
    let server = await shell.serve(at("data"), 0, ["--drain-ms", "10000"]);
    const { port } = server;
    const holdfast = connect(server.url);
    const orders = holdfast.queue("orders");
    const seen: number[] = [];
    let failed = 0;
    const consumer = orders.consume(async ({ body }) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      seen.push(body as number);
    });
    let published = 0;
    let publishing = true;
    const load = (async () => {
      const receipts: Promise<unknown>[] = [];
      while (publishing) {
        receipts.push(orders.publish(published++).catch(() => failed++));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await Promise.all(receipts);
    })();
    const until = async (reached: () => boolean): Promise<void> => {
      while (!reached()) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    for (let restart = 0; restart < 3; restart++) {
      const before = seen.length;
      await until(() => seen.length >= before + 100);
      expect(await server.cli.kill("SIGTERM")).toMatchObject({ code: 0 });
      server = await shell.serve(at("data"), port, ["--drain-ms", "10000"]);
    }
    publishing = false;
    await load;
    await until(() => new Set(seen).size === published);
    expect(failed).toBe(0);
    expect(seen.length, "nothing twice").toBe(published);
    await consumer.cancel();
    await holdfast.close();
  }, 60_000);
});
