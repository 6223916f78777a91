import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { connect } from "holdfast-client";
import { admin } from "holdfast-client/admin";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Shell } from "./cli-process.js";

/** Debian's own, for which the packages below are. */
const PYTHON = "/usr/bin/python3";
const CLIENT = fileURLToPath(new URL("socketio-client.py", import.meta.url));
const TIMEOUT_MS = 25_000;
const run = promisify(execFile);

let shell: Shell;

beforeEach(async () => {
  await run(PYTHON, ["-c", "import socketio, websocket"]).catch(() => {
    throw new Error("python-socketio is missing: apt-get install python3-socketio python3-websocket");
  });
  shell = new Shell();
});

afterEach(() => shell?.close());

interface Said {
  readonly what: string;
  readonly [field: string]: unknown;
}

describe("a client in Python", () => {
  it("publishes, consumes by callback, nacks, rejects and settles by token, with python-socketio alone", async () => {
    const server = await shell.serve(shell.directory());
    const { stdout, stderr } = await run(PYTHON, [CLIENT, server.url], { timeout: TIMEOUT_MS });
    expect(stderr).toBe("");
    const said = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Said);
    const of = (what: string): Said[] => said.filter((line) => line.what === what);

    const order = { id: "order-17", sequence: 1 };
    expect(of("published").map(({ reply }) => reply)).toMatchObject([
      { ok: true, receipts: [{ ...order, duplicate: false }] },
      { ok: true, receipts: [{ ...order, duplicate: true }] },
      { ok: false, error: { code: "ID_CONFLICT", retryable: false } },
      { ok: true, receipts: [{ sequence: 2 }] },
      { ok: true, receipts: [{ sequence: 3 }, { sequence: 4 }] },
    ]);
    expect(of("consuming")).toMatchObject([{ reply: { ok: true, consumer: expect.any(String) } }]);
    expect(of("delivered").sort(bySequence)).toMatchObject([
      { sequence: 1, attempt: 1, body: { item: "cod", note: "€ 🐟" } },
      { sequence: 2, attempt: 1, body: [0, 255, 128] },
      { sequence: 2, attempt: 2, body: [0, 255, 128] },
      { sequence: 3, attempt: 1, body: 1 },
      { sequence: 4, attempt: 1, body: [null] },
    ]);
    expect(of("settled")).toMatchObject([
      { reply: { ok: true, results: [{ ok: true }, { ok: true }, { ok: false, error: { code: "STALE_LEASE", retryable: false } }] } },
    ]);
    expect(of("refused")).toMatchObject([{ reply: { ok: false, error: { code: "BAD_REQUEST" } } }]);

    const holdfast = connect(server.url);
    expect(await holdfast.queue("orders").stats()).toMatchObject({ published: 4, acked: 3, dead: 1, ready: 0, inFlight: 0 });
    const { items } = await admin(holdfast).queue("orders").deadLetters();
    expect(items).toMatchObject([{ history: { reason: "rejected", error: "never", attempts: 2 } }]);
    await holdfast.close();
  });
});

const bySequence = (one: Said, other: Said): number =>
  Number(one.sequence) - Number(other.sequence) || Number(one.attempt) - Number(other.attempt);
