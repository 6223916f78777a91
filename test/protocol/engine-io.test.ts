import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type RunningServer, Shell } from "../e2e/cli-process.js";
import { openSocket, PollingSession, RawSocket, request } from "./raw.js";

/** Engine.IO, revision 4, as `holdfast serve` speaks it. */
const shell = new Shell();
const sockets: RawSocket[] = [];
let server: RunningServer;
let url: string;

beforeAll(async () => {
  server = await shell.serve(shell.directory(), 0, ["--polling", "--engine", "memory"]);
  url = server.url;
});

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});

afterAll(() => shell.close());

function open(query?: string): RawSocket {
  const socket = new RawSocket(url, query);
  sockets.push(socket);
  return socket;
}

/** By polling, in the namespace `/`. */
async function joined(): Promise<PollingSession> {
  const session = await PollingSession.open(url);
  await session.post("40");
  expect(await session.packets(1)).toEqual([expect.stringMatching(/^40\{/)]);
  return session;
}

const HANDSHAKE = { sid: expect.any(String), pingInterval: 25_000, pingTimeout: 20_000, maxPayload: 1_572_864 };

/** A request that is answered, and a reply that says so: what the server sends back unchanged is the id. */
const list = (id: number): string => `42${id}["holdfast:list",{"kind":"queues","after":"zzz"}]`;
const listed = (id: number): string => `43${id}[{"ok":true,"items":[]}]`;

describe("handshake", () => {
  it("by polling: a session that may be upgraded", async () => {
    const { handshake } = await PollingSession.open(url);
    expect(handshake).toEqual({ ...HANDSHAKE, upgrades: ["websocket"] });
    const response = await request(url, "EIO=4&transport=polling");
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/plain; charset=UTF-8"]);
  });

  it("by WebSocket: a session that may not", async () => {
    const packet = await open().text();
    expect(packet[0]).toBe("0");
    expect(JSON.parse(packet.slice(1))).toEqual({ ...HANDSHAKE, upgrades: [] });
  });

  it("two sessions have two ids", async () => {
    const [one, two] = [await PollingSession.open(url), await PollingSession.open(url)];
    expect(one.handshake.sid).not.toBe(two.handshake.sid);
  });

  it.each([
    ["no version", "transport=polling"],
    ["a version that is no number", "EIO=abc&transport=polling"],
    ["another version", "EIO=3&transport=polling"],
    ["no transport", "EIO=4"],
    ["an unknown transport", "EIO=4&transport=pigeon"],
    ["a transport named like a property of objects", "EIO=4&transport=constructor"],
    ["an unknown session", "EIO=4&transport=polling&sid=nobody"],
  ])("polling with %s is 400", async (_what, query) => {
    const response = await request(url, query);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: expect.any(Number), message: expect.any(String) });
  });

  it.each(["POST", "PUT", "DELETE"])("%s without a session is 400", async (method) => {
    expect((await request(url, "EIO=4&transport=polling", { method })).status).toBe(400);
  });

  it.each([
    ["no version", "transport=websocket"],
    ["a version that is no number", "EIO=abc&transport=websocket"],
    ["another version", "EIO=3&transport=websocket"],
    ["no transport", "EIO=4"],
    ["an unknown transport", "EIO=4&transport=pigeon"],
    ["an unknown session", "EIO=4&transport=websocket&sid=nobody"],
  ])("a WebSocket with %s is closed", async (_what, query) => {
    const socket = open(query);
    await socket.closed;
    await expect(socket.next()).rejects.toThrow("closed");
  });
});

describe("messages by polling", () => {
  it("one packet in, one out", async () => {
    const session = await PollingSession.open(url);
    const posted = await session.post("40");
    expect([posted.status, await posted.text()]).toEqual([200, "ok"]);
    expect(await session.poll()).toEqual([expect.stringMatching(/^40\{"sid":"[\w-]{20}"\}$/)]);
  });

  it("several packets in a payload, both ways, in order", async () => {
    const session = await joined();
    await session.post(list(0), list(1), list(2));
    expect(await session.packets(3)).toEqual([0, 1, 2].map(listed));
  });

  it("text beyond ASCII, by characters and not by bytes", async () => {
    const session = await joined();
    await session.post('420["holdfast:publish",{"queue":"text","body":"€ 🐟"}]');
    await session.packets(1);
    await session.post('421["holdfast:peek",{"queue":"text"}]');
    expect(await session.packets(1)).toEqual([expect.stringContaining('"body":"€ 🐟"')]);
  });

  it("binary packets as base64, in payloads with text", async () => {
    const session = await joined();
    await session.post(
      '451-0["holdfast:publish",{"queue":"bytes","body":{"_placeholder":true,"num":0}}]',
      "bAQIDBA==",
      '421["holdfast:consume",{"queue":"bytes"}]',
    );
    const packets = await session.packets(4);
    const at = packets.findIndex((packet) => packet.startsWith("451-"));
    expect(packets[at]).toContain('"body":{"_placeholder":true,"num":0}');
    expect(packets[at + 1]).toBe("bAQIDBA==");
  });

  it("a packet of no type closes the session", async () => {
    const session = await PollingSession.open(url);
    await session.post("nonsense").catch(() => undefined);
    expect((await session.get()).status).toBe(400);
  });

  it("a payload above maxPayload is refused, and the session goes on", async () => {
    const session = await joined();
    // Without an answer the server cut the request short.
    const response = await session.post(`4${"x".repeat(session.handshake.maxPayload)}`).catch(() => undefined);
    expect([413, undefined]).toContain(response?.status);
    await session.post(list(0));
    expect(await session.packets(1)).toEqual([listed(0)]);
  });

  it("a second poll beside the first closes the session", async () => {
    const session = await PollingSession.open(url);
    const polls = await Promise.all([session.get(), session.get()]);
    expect(await Promise.all(polls.map((poll) => poll.text()))).toContain("1");
    expect((await session.get()).status).toBe(400);
  });
});

describe("messages by WebSocket", () => {
  it("text and binary, a packet a frame", async () => {
    const socket = open();
    await socket.text();
    socket.send("40");
    expect(await socket.text()).toMatch(/^40\{/);
    socket.send('451-0["holdfast:publish",{"queue":"frames","body":{"_placeholder":true,"num":0}}]', Uint8Array.of(1, 2, 3, 4));
    expect(await socket.text()).toMatch(/^430\[\{"ok":true,"receipts":/);
    socket.send('421["holdfast:peek",{"queue":"frames"}]');
    expect(await socket.text()).toMatch(/^461-1\[/);
    expect(await socket.next()).toEqual(Buffer.from([1, 2, 3, 4]));
  });

  it("a packet of no type closes the session", async () => {
    const socket = open();
    await socket.text();
    socket.send("nonsense");
    await socket.closed;
  });
});

describe("close", () => {
  it("by polling: the waiting poll ends, the session is gone", async () => {
    const session = await PollingSession.open(url);
    const [polled] = await Promise.all([session.poll(), session.post("1")]);
    expect(polled).toEqual(["6"]);
    expect((await session.get()).status).toBe(400);
  });

  it("by WebSocket: its end is the session's", async () => {
    const socket = open();
    await socket.text();
    socket.send("40");
    const id = JSON.parse((await socket.text()).slice(2)).sid as string;
    socket.close();
    const line = await server.logged(({ msg, ...who }) => msg === "disconnected" && who.id === id);
    expect(line.reason).toBe("transport close");
  });
});

describe("upgrade", () => {
  const upgradeOf = (session: PollingSession): RawSocket => open(session.query.replace("polling", "websocket"));

  it("probes, ends the waiting poll, and goes on by WebSocket with what was under way", async () => {
    const session = await joined();
    const socket = upgradeOf(session);
    await socket.opened;
    const waiting = session.poll();
    socket.send("2probe");
    expect(await socket.text()).toBe("3probe");
    expect(await waiting).toEqual(["6"]);
    await session.post(list(0));
    socket.send("5", list(1));
    const answers = new Set([await socket.text(), await socket.text()]);
    expect(answers).toEqual(new Set([listed(0), listed(1)]));
  });

  it("after it neither polling nor a second WebSocket takes the session", async () => {
    const session = await PollingSession.open(url);
    const socket = upgradeOf(session);
    await socket.opened;
    socket.send("2probe");
    await socket.text();
    socket.send("5", "40");
    expect(await socket.text()).toMatch(/^40\{/);
    expect((await session.get()).status).toBe(400);
    await upgradeOf(session).closed;
    socket.send(list(1));
    expect(await socket.text()).toBe(listed(1));
  });

  it("a WebSocket that does not probe is closed, and the session goes on by polling", async () => {
    const session = await PollingSession.open(url);
    const socket = upgradeOf(session);
    await socket.opened;
    socket.send("4nonsense");
    await socket.closed;
    await session.post("40");
    expect(await session.packets(1)).toEqual([expect.stringMatching(/^40\{/)]);
  });
});

describe("without --polling", () => {
  it("polling is 400, WebSocket goes on", async () => {
    const without = await shell.serve(shell.directory(), 0, ["--engine", "memory"]);
    expect((await request(without.url, "EIO=4&transport=polling")).status).toBe(400);
    const { socket, handshake } = await openSocket(without.url);
    expect(handshake.upgrades).toEqual([]);
    socket.close();
  });
});
