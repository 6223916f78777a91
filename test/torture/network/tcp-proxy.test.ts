import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ManualClock } from "../../../packages/server/src/engines/conformance/manual-clock.js";
import { freePort } from "../../crash/server-process.js";
import type { Direction, Fault } from "./fault.js";
import { TcpProxy } from "./tcp-proxy.js";

/** One side of a connection, and what it sees. */
class Side {
  readonly socket: Socket;
  heard = "";
  /** How it ended. */
  end: "open" | "closed" | "reset" = "open";

  constructor(socket: Socket) {
    this.socket = socket.setNoDelay(true);
    socket.on("data", (bytes) => {
      this.heard += bytes.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", (withError) => {
      this.end = withError ? "reset" : "closed";
    });
  }

  say(text: string): void {
    this.socket.write(text, "latin1");
  }

  hears(text: string): Promise<void> {
    return vi.waitFor(() => expect(this.heard).toBe(text));
  }

  ends(how: "closed" | "reset"): Promise<void> {
    return vi.waitFor(() => expect(this.end).toBe(how));
  }
}

const BOTH: readonly Direction[] = ["toServer", "toClient"];
const LASTS_MS = 500;

let clock: ManualClock;
let listener: Server;
let proxy: TcpProxy;
let client: Side;
let server: Side;
let lost: number[];
let sides: Side[];

async function join(): Promise<void> {
  const accepted = once(listener, "connection");
  client = new Side(connect(Number(new URL(proxy.url).port), "127.0.0.1"));
  sides.push(client);
  const [socket] = (await accepted) as [Socket];
  server = new Side(socket);
  sides.push(server);
}

beforeEach(async () => {
  clock = new ManualClock();
  [lost, sides] = [[], []];
  listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as { readonly port: number };
  proxy = await TcpProxy.open(port, { clock, onLink: () => (deafMs) => void lost.push(deafMs) });
  await join();
});

afterEach(async () => {
  await proxy.close();
  // Neither side of any connection is left in it.
  await vi.waitFor(() => expect(proxy.connections).toBe(0));
  for (const { socket } of sides) socket.destroy();
  listener.close();
  await once(listener, "close");
});

/** Does that to the connection, and counts what came of it. */
function suffer(fault: Partial<Fault> & Pick<Fault, "kind">): () => number {
  let effects = 0;
  proxy.suffer({ lastsMs: LASTS_MS, directions: BOTH, ...fault } as Fault, () => effects++);
  return () => effects;
}

/** What one side says in two chunks is what the proxy has; it may hold it back. */
async function sayTwo(from: Side, first: string, second: string): Promise<void> {
  const before = proxy.unanswered;
  from.say(first);
  await vi.waitFor(() => expect(proxy.unanswered).toBe(before + first.length));
  from.say(second);
  await vi.waitFor(() => expect(proxy.unanswered).toBe(before + first.length + second.length));
}

/** It still passes on at once what both sides say. */
async function isWhole(): Promise<void> {
  const [toServer, toClient] = [`${server.heard}ping`, `${client.heard}pong`];
  client.say("ping");
  await server.hears(toServer);
  server.say("pong");
  await client.hears(toClient);
}

it("passes on what both sides say, and that one is gone", async () => {
  await isWhole();
  const long = "x".repeat(3_000_000);
  server.say(long);
  await client.hears(`pong${long}`);
  client.say("bye");
  client.socket.end();
  await server.hears("pingbye");
  await server.ends("closed");
  expect(lost).toEqual([0]);
});

it("lets nobody in where the server does not listen", async () => {
  const other = await TcpProxy.open(await freePort());
  const late = new Side(connect(Number(new URL(other.url).port), "127.0.0.1"));
  await late.ends("closed");
  await other.close();
});

describe("a delay", () => {
  it("holds each chunk back for its time, in their order, and lets the other direction be", async () => {
    const holds = [80, 20, 90];
    const effects = suffer({ kind: "delays", directions: ["toServer"], holdMs: () => holds.shift() ?? 0 });
    await sayTwo(client, "one ", "two ");
    await clock.advance(79);
    server.say("meanwhile");
    await client.hears("meanwhile");
    expect(server.heard).toBe("");
    await clock.advance(1);
    await server.hears("one two ");
    client.say("three");
    await vi.waitFor(() => expect(holds).toEqual([]));
    client.socket.end();
    await clock.advance(89);
    expect([server.heard, server.end]).toEqual(["one two ", "open"]);
    await clock.advance(1);
    await server.hears("one two three");
    await server.ends("closed");
    expect(effects()).toBe(1);
  });

  it("is over after its time", async () => {
    suffer({ kind: "delays", holdMs: () => 80 });
    await clock.advance(LASTS_MS);
    await isWhole();
    expect(suffer({ kind: "resets" })()).toBe(1);
  });
});

it("a reset ends both sides at once", async () => {
  const effects = suffer({ kind: "resets" });
  await Promise.all([client.ends("reset"), server.ends("reset")]);
  expect([effects(), lost]).toEqual([1, [0]]);
  await join();
  await isWhole();
});

it("a truncation passes on a part of the next chunk, and cuts the connection", async () => {
  const effects = suffer({ kind: "truncations", directions: ["toClient"], part: 0.5 });
  client.say("whole");
  await server.hears("whole");
  expect(effects()).toBe(0);
  server.say("in two");
  await Promise.all([client.ends("closed"), server.ends("closed")]);
  expect([client.heard, effects(), lost]).toEqual(["in ", 1, [0]]);
});

describe("a black hole", () => {
  it("passes on nothing, not even that a side is gone, and cuts the connection after its time", async () => {
    const effects = suffer({ kind: "black holes" });
    await sayTwo(client, "one", "two");
    server.say("three");
    await vi.waitFor(() => expect(proxy.unanswered).toBe(0));
    server.socket.end();
    await clock.advance(LASTS_MS / 2);
    await vi.waitFor(() => expect(lost).toEqual([LASTS_MS / 2]));
    await clock.advance(LASTS_MS / 2 - 1);
    expect([client.end, client.heard, server.heard]).toEqual(["open", "", ""]);
    await clock.advance(1);
    await client.ends("closed");
    expect(effects()).toBe(1);
  });

  it("may be in one direction only", async () => {
    suffer({ kind: "black holes", directions: ["toServer"] });
    await sayTwo(client, "one", "two");
    server.say("three");
    await client.hears("three");
    await clock.advance(LASTS_MS);
    await Promise.all([client.ends("closed"), server.ends("closed")]);
    expect([server.heard, lost]).toEqual(["", [LASTS_MS]]);
  });
});

it("a drip passes on a few bytes at a time, and all of the rest once it is over", async () => {
  const effects = suffer({ kind: "drips", directions: ["toServer"], bytes: 2, everyMs: 10 });
  client.say("abcdefghij");
  await server.hears("ab");
  await clock.advance(9);
  expect(server.heard).toBe("ab");
  await clock.advance(11);
  await server.hears("abcdef");
  server.say("at once");
  await client.hears("at once");
  proxy.heal();
  await clock.advance(10);
  await server.hears("abcdefghij");
  await isWhole();
  expect(effects()).toBe(1);
});

it("heals what is whole by letting it be, and cuts what lost something", async () => {
  suffer({ kind: "delays", holdMs: () => 80 });
  proxy.heal();
  await isWhole();
  suffer({ kind: "black holes" });
  proxy.heal();
  await Promise.all([client.ends("closed"), server.ends("closed")]);
});
