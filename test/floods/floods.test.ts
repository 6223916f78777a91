import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type Holdfast } from "holdfast-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RunningServer, Shell } from "../e2e/cli-process.js";
import { joined, type RawSocket } from "../protocol/raw.js";
import { upgradeRequest, Wire } from "../protocol/wire.js";

/** Many who mean no good, on a server with small limits, and one who means well and must not notice. */
const CONFIG = {
  polling: true,
  trustedProxies: 1,
  connections: {
    connectionsMax: 60,
    addressConnectionsMax: 20,
    connectRate: { perSecond: 1_000, burst: 1_000 },
    headersTimeoutMs: 500,
    requestTimeoutMs: 500,
    joinTimeoutMs: 2_000,
  },
  limits: { connectionRate: { perSecond: 20_000, burst: 20_000 }, badRequestRate: { perSecond: 1, burst: 50 } },
};

const shell = new Shell();
let directory: string;
let server: RunningServer;
let client: Holdfast;
let served = 0;
let lost = 0;
let wires: Wire[] = [];
let sockets: RawSocket[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-floods-"));
  const config = join(directory, "config.json");
  writeFileSync(config, JSON.stringify(CONFIG));
  server = await shell.serve(join(directory, "data"), 0, ["--engine", "memory", "--config", config]);
  client = connect(server.url);
  [served, lost] = [0, 0];
  client.socket.on("disconnect", () => lost++);
  client.queue<number>("work").consume(() => void served++);
  await isServed(1);
});

afterEach(async () => {
  for (const wire of wires) wire.reset();
  for (const socket of sockets) socket.close();
  [wires, sockets] = [[], []];
  await client.close();
  await shell.close();
  rmSync(directory, { recursive: true });
});

/** So many more messages go the whole way, each once, in order, on the connection there was. */
async function isServed(count: number): Promise<void> {
  const until = served + count;
  await Promise.all(Array.from({ length: count }, (_, index) => client.queue<number>("work").publish(index)));
  while (served < until) await new Promise((resolve) => setTimeout(resolve, 5));
  expect([served, lost]).toEqual([until, 0]);
}

const refusedAs = (kind: string): Promise<unknown> => server.logged((line) => line.kind === kind);

async function many(count: number, write: (wire: Wire) => void): Promise<Wire[]> {
  const made = await Promise.all(Array.from({ length: count }, () => Wire.open(server.url)));
  wires.push(...made);
  for (const wire of made) write(wire);
  return made;
}

describe("others are served, and the log says what was refused, while there are", () => {
  it("hundreds of requests that never end", async () => {
    const slow = await many(300, (wire) => wire.write("POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\nX: "));
    for (let round = 0; round < 5; round++) {
      for (const wire of slow) wire.write("y");
      await isServed(100);
    }
    for (const said of await Promise.all(slow.map((wire) => wire.closed))) expect(said).toMatch(/^HTTP\/1.1 408/);
    expect(await refusedAs("slow")).toMatchObject({ count: 1 });
    expect(server.log.filter((line) => line.kind === "slow").length).toBeLessThan(5);
  });

  it("more connections from an address, and more of them all, than may be", async () => {
    const opened = await many(300, (wire) => wire.write(upgradeRequest(["X-Forwarded-For: 203.0.113.9"])));
    const said = await Promise.all(opened.map((wire) => wire.until("HTTP/1.1 ")));
    expect(said.filter((text) => text.includes("101 Switching")).length).toBe(20);
    expect(said.filter((text) => text.includes("address 203.0.113.9 has 20 connections")).length).toBe(280);
    await isServed(100);
    await many(120, (wire) => wire.write(upgradeRequest([`X-Forwarded-For: 198.51.100.${Math.floor(Math.random() * 200)}`])));
    expect(await refusedAs("connections")).toMatchObject({
      reason: "60 connections are open, as many as may; --connections-max allows more",
    });
    await isServed(100);
    // Who joins no namespace in time makes room again.
    for (let isIn = false; !isIn; ) {
      const [again] = await many(1, (wire) => wire.write(upgradeRequest(["X-Forwarded-For: 203.0.113.9"])));
      isIn = (await again?.until("HTTP/1.1 "))?.includes("101 Switching") === true;
    }
    expect(server.log.filter((line) => line.msg === "connection refused").length).toBeLessThan(5);
  });

  it("connections that are reset in the middle of everything", async () => {
    for (let round = 0; round < 10; round++) {
      for (const wire of await many(50, (wire) => wire.write(upgradeRequest()))) wire.reset();
      await isServed(20);
    }
  });

  it("packets too large, nested without end, and bodies without end", async () => {
    for (let round = 0; round < 5; round++) {
      const socket = await joined(server.url);
      sockets.push(socket);
      socket.send(`421["holdfast:publish",{"queue":"work","body":${"[".repeat(500_000)}${"]".repeat(500_000)}}]`);
      expect(await socket.text()).toContain('"code":"BAD_REQUEST"');
      socket.send("4".repeat(4_200_000));
      await socket.closed;
      await isServed(50);
    }
  });

  it("requests that are refused again and again, until it is enough", async () => {
    const bad = await joined(server.url);
    const fast = await joined(server.url);
    sockets.push(bad, fast);
    bad.send(...Array.from({ length: 200 }, () => '42["holdfast:publish",{"queue":""}]'));
    fast.send(...Array.from({ length: 20_000 }, (_, index) => `42${index}["holdfast:stats",{"queue":"work"}]`));
    await Promise.all([bad.closed, fast.closed, isServed(100)]);
    for (const [socket, code] of [
      [bad, "BAD_REQUEST"],
      [fast, "RATE_LIMITED"],
    ] as const) {
      let last: string | Buffer = "";
      for (
        let message = await socket.next().catch(() => undefined);
        message !== undefined;
        message = await socket.next().catch(() => undefined)
      ) {
        if (String(message).includes("holdfast:refused")) last = message;
      }
      expect(last).toContain(code);
    }
    await server.logged((line) => line.msg.includes("x rateLimited"));
    await server.logged((line) => line.msg.includes("x badRequests"));
    await server.logged((line) => line.msg.includes("x cut"));
    await isServed(100);
  });
});

it("connections that answer no ping and read nothing are taken for dead, and what they held goes to others", async () => {
  const flags = ["--engine", "memory", "--ping-interval-ms", "300", "--ping-timeout-ms", "300"];
  const strict = await shell.serve(join(directory, "strict"), 0, flags);
  const dead = await Promise.all(Array.from({ length: 20 }, () => Wire.upgrade(strict.url)));
  wires.push(...dead);
  for (const wire of dead) {
    wire.text("40");
    await wire.until("40{");
    wire.text('421["holdfast:consume",{"queue":"held","maxInFlight":1}]');
    await wire.until("431[");
    wire.pause();
  }
  const patient = connect(strict.url);
  const bodies = new Set<number>();
  await Promise.all(Array.from({ length: 40 }, (_, index) => patient.queue<number>("held").publish(index)));
  patient.queue<number>("held").consume(({ body }) => void bodies.add(body));
  while (bodies.size < 40) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(strict.log.filter((line) => line.reason === "ping timeout").length).toBeGreaterThanOrEqual(20);
  await patient.close();
});

it("a client of ours that is faster than it may be loses nothing: it waits, and sends again, in order", async () => {
  const bodies: number[] = [];
  const fast = connect(server.url, { auth: { user: "fast" } });
  fast.queue<number>("fast").consume(({ body }) => void bodies.push(body), { maxInFlight: 1_000 });
  const count = 60_000;
  for (let first = 0; first < count; first += 5_000) {
    await Promise.all(Array.from({ length: 5_000 }, (_, index) => fast.queue<number>("fast").publish(first + index)));
  }
  while (bodies.length < count) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(bodies).toEqual(Array.from({ length: count }, (_, index) => index));
  await server.logged((line) => line.msg.includes("x rateLimited"));
  await fast.close();
  await isServed(10);
});
