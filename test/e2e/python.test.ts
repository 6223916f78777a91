import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { connect } from "holdfast-client";
import { admin } from "holdfast-client/admin";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Shell } from "./cli-process.js";
import { PythonMember, type Said } from "./python-member.js";

/** Debian's own, for which the packages below are. */
const PYTHON = "/usr/bin/python3";
const CLIENT = fileURLToPath(new URL("socketio-client.py", import.meta.url));
const TIMEOUT_MS = 25_000;
const run = promisify(execFile);

let shell: Shell;
let members: PythonMember[] = [];

beforeEach(async () => {
  await run(PYTHON, ["-c", "import socketio, websocket"]).catch(() => {
    throw new Error("python-socketio is missing: apt-get install python3-socketio python3-websocket");
  });
  shell = new Shell();
});

afterEach(async () => {
  for (const member of members) await member.kill();
  members = [];
  await shell?.close();
});

interface Line {
  readonly what: string;
  readonly [field: string]: unknown;
}

function memberOf(url: string, user: string, device: string): PythonMember {
  const member = new PythonMember(PYTHON, url, user, device);
  members.push(member);
  return member;
}

describe("a client in Python", () => {
  it("publishes, consumes by callback, nacks, rejects and settles by token, with python-socketio alone", async () => {
    const server = await shell.serve(shell.directory());
    const { stdout, stderr } = await run(PYTHON, [CLIENT, server.url], { timeout: TIMEOUT_MS });
    expect(stderr).toBe("");
    const said = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Line);
    const of = (what: string): Line[] => said.filter((line) => line.what === what);

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

  it("joins a room, emits, acks and nacks by callback, and is back by itself when the server was killed", async () => {
    const directory = shell.directory();
    const server = await shell.serve(directory);
    const ann = memberOf(server.url, "ann", "phone");
    expect(await ann.ask("holdfast:join", { room: "kitchen" })).toEqual({ ok: true, sequence: 1 });

    const order = { room: "kitchen", event: "order", args: [{ item: "cod", note: "€ 🐟" }, 7], id: "order-17", key: "table-4" };
    const receipt = { id: "order-17", sequence: 1 };
    expect(await ann.ask("holdfast:emit", order)).toEqual({ ok: true, receipts: [{ ...receipt, duplicate: false }] });
    expect(await ann.ask("holdfast:emit", order)).toEqual({ ok: true, receipts: [{ ...receipt, duplicate: true }] });
    const about = { id: "order-17", room: "kitchen", sequence: 1, redelivered: false, sender: "ann", key: "table-4" };
    expect(await ann.count("heard", 1)).toEqual([{ what: "heard", event: "order", args: order.args, about }]);
    // Its acknowledgement is on the way to the server when the next request may be there already.
    await expect
      .poll(() => ann.ask("holdfast:receipts", { room: "kitchen", id: "order-17" }))
      .toMatchObject({ ok: true, delivered: ["ann"], pending: [] });

    await ann.ask("holdfast:emit", { room: "kitchen", event: "flaky", args: [] });
    const again = { event: "flaky", about: { sequence: 2, redelivered: true } };
    expect((await ann.count("heard", 3)).slice(1)).toMatchObject([{ event: "flaky", about: { redelivered: false } }, again]);

    expect(await ann.ask("holdfast:join", { room: "kitchen", colour: "red" })).toMatchObject({
      ok: false,
      error: { code: "BAD_REQUEST", message: expect.stringContaining("colour") },
    });

    await server.cli.kill();
    await ann.count("disconnected", 1);
    const next = await shell.serve(directory, server.port);
    await ann.count("connected", 2);
    const bob = connect(next.url, { auth: { user: "bob" }, forceNew: true });
    await bob.room("kitchen").emit("ready", Buffer.from([0, 255, 128]));
    await bob.close();
    // What was acked in the last 100 ms before a crash may come once more.
    await expect.poll(() => ann.of("heard").at(-1)).toMatchObject({ event: "ready", args: [[0, 255, 128]] });
    expect(await ann.leave()).toBe("");
  });

  it("gets what it missed, in order, and is told once of what it will never get", async () => {
    const server = await shell.serve(shell.directory());
    const bob = connect(server.url, { auth: { user: "bob" }, forceNew: true });
    const kitchen = bob.room("kitchen");
    const emit = async (...numbers: number[]): Promise<string> => {
      let id = "";
      for (const n of numbers) ({ id } = await kitchen.emit("n", n));
      return id;
    };
    // What it said it heard it acknowledges a moment later.
    const acked = (id: string): Promise<void> => expect.poll(() => kitchen.receipts(id)).toMatchObject({ delivered: ["ann"] });
    const first = memberOf(server.url, "ann", "phone");
    await first.ask("holdfast:join", { room: "kitchen" });
    await acked(await emit(1));
    expect(heardOf(first.of("heard"))).toEqual([1]);
    expect(await first.leave()).toBe("");

    const latest = await emit(2, 3);
    const second = memberOf(server.url, "ann", "phone");
    expect(heardOf(await second.count("heard", 2))).toEqual([2, 3]);
    await acked(latest);
    await second.ask("holdfast:define", { room: "kitchen", retention: { maxMessages: 2 } });
    expect(await second.leave()).toBe("");

    // The room keeps the last two, and says so of the others until the device has taken note.
    const last = await emit(4, 5, 6, 7);
    const third = memberOf(server.url, "ann", "phone");
    expect(heardOf(await third.count("heard", 2))).toEqual([6, 7]);
    expect(await third.count("gap", 1)).toEqual([{ what: "gap", gap: { room: "kitchen", from: 4, to: 5, reason: "retention" } }]);
    await acked(last);
    expect(await third.leave()).toBe("");

    const fourth = memberOf(server.url, "ann", "phone");
    await fourth.count("connected", 1);
    await emit(8);
    expect(heardOf(await fourth.count("heard", 1))).toEqual([8]);
    expect(fourth.of("gap")).toEqual([]);
    expect(await fourth.ask("holdfast:leave", { room: "kitchen" })).toEqual({ ok: true });
    expect(await fourth.ask("holdfast:members", { room: "kitchen" })).toEqual({ ok: true, items: [] });
    expect(await fourth.leave()).toBe("");
    await bob.close();
  });
});

/** What it heard by sequence: python-socketio handles each event in a thread of its own, so their lines may change places. */
function heardOf(said: readonly Said[]): unknown[] {
  const sequenceOf = ({ about }: Said): number => (about as { sequence: number }).sequence;
  return [...said].sort((one, other) => sequenceOf(one) - sequenceOf(other)).map(({ args }) => (args as unknown[])[0]);
}

const bySequence = (one: Line, other: Line): number =>
  Number(one.sequence) - Number(other.sequence) || Number(one.attempt) - Number(other.attempt);
