import { afterEach, describe, expect, it } from "vitest";
import { ManualClock } from "../engines/conformance/manual-clock.js";
import type { HoldfastOptions } from "../settings.js";
import { FrameClient } from "./frame-client.js";
import { ask, consume, type Reply, TestHost, until } from "./test-host.js";

let host: TestHost;
let clock: ManualClock;

afterEach(() => host.close());

async function open(limits: HoldfastOptions["limits"], more: HoldfastOptions = {}): Promise<void> {
  clock = new ManualClock();
  host = await TestHost.open({ clock, limits, ...more });
}

const RATE = { perSecond: 100, burst: 50 };

describe("a connection's rate", () => {
  it("refuses what is too much with the time to wait, and takes it again after that", async () => {
    await open({ connectionRate: RATE });
    const client = await host.client();
    for (let index = 0; index < 5; index++) expect((await ask(client, "holdfast:publish", { queue: "q", body: index })).ok).toBe(true);
    const refused = await ask(client, "holdfast:publish", { queue: "q", body: 5 });
    expect(refused).toMatchObject({
      ok: false,
      error: {
        code: "RATE_LIMITED",
        retryable: true,
        retryAfterMs: 1,
        message: expect.stringContaining("this connection has used up its 50 units"),
      },
    });
    expect(refused.error?.message).toContain("gets 100 a second; again in 1 ms");
    await clock.advance(1);
    expect((await ask(client, "holdfast:publish", { queue: "q", body: 5 })).ok).toBe(true);
    expect((await host.holdfast.queue("q").stats()).ready).toBe(6);
    expect(host.holdfast.refused.rateLimited).toBe(1);
  });

  it("counts the messages of an array and of a section, and lets one that is large in whole", async () => {
    await open({ connectionRate: { perSecond: 1_000, burst: 100 } });
    const [plain, framed] = [await host.client(), await FrameClient.on(await host.client())];
    expect((await ask(plain, "holdfast:publish", { queue: "q", messages: Array(1_000).fill({ body: 1 }) })).ok).toBe(true);
    expect((await ask(plain, "holdfast:publish", { queue: "q", body: 1 })).error?.code).toBe("RATE_LIMITED");
    framed.publish("q", 1, Array(500).fill(1));
    await framed.receipts.count(1);
    framed.publish("q", 501, [1]);
    const [refused] = await framed.refused.count(1);
    expect(refused).toMatchObject({ request: 2, error: { code: "RATE_LIMITED", message: expect.stringContaining("again in ") } });
    await clock.advance(1_000);
    framed.publish("q", 501, [1]);
    await framed.receipts.count(2);
    expect(host.holdfast.counters.malformedFrames).toBe(0);
  });

  it("refuses settlements only when twice as much was asked for", async () => {
    await open({ connectionRate: { perSecond: 1, burst: 100 } });
    const client = await host.client();
    const consumer = await consume(client, { queue: "q" }, () => undefined);
    const token = new Promise<string>((resolve) => client.once("holdfast:delivery", ({ token }) => resolve(token)));
    await host.holdfast.queue("q").publish(1);
    const settlements = [{ token: await token, ack: true }];
    await ask(client, "holdfast:publish", { queue: "other", messages: Array(100).fill({ body: 1 }) });
    expect((await ask(client, "holdfast:stats", { queue: "q" })).error?.code).toBe("RATE_LIMITED");
    expect(await ask(client, "holdfast:settle", { consumer, settlements })).toMatchObject({ ok: true, results: [{ ok: true }] });
    let refused = await ask(client, "holdfast:settle", { consumer, settlements });
    for (let index = 0; index < 8; index++) refused = await ask(client, "holdfast:settle", { consumer, settlements });
    expect(refused).toMatchObject({ ok: false, error: { code: "RATE_LIMITED", retryable: true } });
  });

  it("is not renewed by leaving the namespace and joining it again, nor by another namespace", async () => {
    await open({ connectionRate: RATE });
    host.holdfast.attach(host.io.of("/other"));
    const client = await host.client();
    for (let index = 0; index < 5; index++) await ask(client, "holdfast:publish", { queue: "q", body: index });
    const other = client.io.socket("/other").connect();
    expect((await ask(other, "holdfast:publish", { queue: "q", body: 1 })).error?.code).toBe("RATE_LIMITED");
    client.disconnect();
    await until(() => host.io.sockets.sockets.size === 0);
    const again = client.io.socket("/").connect();
    await new Promise<void>((resolve) => again.once("connect", resolve));
    expect((await ask(again, "holdfast:publish", { queue: "q", body: 1 })).error?.code).toBe("RATE_LIMITED");
  });

  it("cuts who goes on all the same, and says so; nobody else notices", async () => {
    await open({ connectionRate: RATE });
    const [client, other] = [await host.client(), await host.client()];
    const said = new Promise<Reply["error"]>((resolve) => client.once("holdfast:refused", resolve));
    const gone = new Promise((resolve) => client.once("disconnect", resolve));
    for (let index = 0; index < 100; index++) client.emit("holdfast:publish", { queue: "q", body: index }, () => undefined);
    expect(await said).toMatchObject({ code: "RATE_LIMITED", message: expect.stringContaining("cut, because it went on and on") });
    expect(await gone).toBe("io server disconnect");
    expect(host.holdfast.refused).toMatchObject({ cut: 1 });
    expect((await ask(other, "holdfast:publish", { queue: "q", body: 1 })).ok).toBe(true);
  });
});

describe("what is read for nothing", () => {
  const tooLarge = { queue: "q", body: "x".repeat(700_000) };

  it("is made up for: a client whose refused requests are large is not read from for a while, and then served as before", async () => {
    await open({});
    const [client, other] = [await host.client({ auth: { user: "bob" } }), await host.client({ auth: { user: "alice" } })];
    for (let round = 0; round < 2; round++) {
      expect((await ask(client, "holdfast:publish", tooLarge)).error?.code).toBe("TOO_LARGE");
    }
    let answered = false;
    const later = ask(client, "holdfast:publish", { queue: "q", body: 1 }).then((reply) => {
      answered = true;
      return reply;
    });
    for (let round = 0; round < 5; round++) expect((await ask(other, "holdfast:publish", { queue: "q", body: 1 })).ok).toBe(true);
    expect(answered).toBe(false);
    // It had a MiB, and gets one a second.
    await clock.advance(330);
    await ask(other, "holdfast:publish", { queue: "q", body: 1 });
    expect(answered).toBe(false);
    await clock.advance(10);
    expect((await later).ok).toBe(true);
  });

  it("is made up for by the next connections of its user, too, and for two seconds at most at a time", async () => {
    await open({});
    const auth = { user: "bob" };
    const clients = await Promise.all(Array.from({ length: 6 }, (_, index) => host.client({ auth: { ...auth, device: `d${index}` } })));
    for (const client of clients) expect((await ask(client, "holdfast:publish", tooLarge)).error?.code).toBe("TOO_LARGE");
    const next = await host.client({ auth: { ...auth, device: "next" } });
    const later = ask(next, "holdfast:publish", { queue: "q", body: 1 });
    const other = await host.client({ auth: { user: "alice" } });
    expect((await ask(other, "holdfast:publish", { queue: "q", body: 2 })).ok).toBe(true);
    expect(await Promise.race([later, ask(other, "holdfast:stats", { queue: "q" })])).toMatchObject({ ready: 1 });
    await clock.advance(2_000);
    expect((await later).ok).toBe(true);
  });
});

describe("rates that are shared", () => {
  it("a user's connections share one", async () => {
    await open({ userRate: RATE });
    const [one, two, alice] = [
      await host.client({ auth: { user: "bob" } }),
      await host.client({ auth: { user: "bob", device: "phone" } }),
      await host.client({ auth: { user: "alice" } }),
    ];
    for (let index = 0; index < 5; index++) await ask(index % 2 === 0 ? one : two, "holdfast:publish", { queue: "q", body: index });
    for (const bob of [one, two]) {
      const refused = await ask(bob, "holdfast:publish", { queue: "q", body: 1 });
      expect(refused).toMatchObject({ error: { code: "RATE_LIMITED", message: expect.stringContaining('user "bob" has used up') } });
    }
    expect((await ask(alice, "holdfast:publish", { queue: "q", body: 1 })).ok).toBe(true);
    one.disconnect();
    const again = await host.client({ auth: { user: "bob" } });
    expect((await ask(again, "holdfast:publish", { queue: "q", body: 1 })).error?.code).toBe("RATE_LIMITED");
  });

  it("an address's connections share one, but not those of an address that is not limited", async () => {
    await open({ addressRate: RATE }, { unlimitedAddresses: [] });
    const clients = [await host.client(), await host.client()];
    for (let index = 0; index < 5; index++) await ask(clients[0] as never, "holdfast:publish", { queue: "q", body: index });
    for (const client of clients) {
      const refused = await ask(client, "holdfast:publish", { queue: "q", body: 1 });
      expect(refused).toMatchObject({ error: { code: "RATE_LIMITED", message: expect.stringContaining("address 127.0.0.1 has used up") } });
    }
    await host.close();
    await open({ addressRate: RATE });
    const local = await host.client();
    for (let index = 0; index < 10; index++) expect((await ask(local, "holdfast:publish", { queue: "q", body: index })).ok).toBe(true);
  });

  it("a user has so many connections, and the next is told and cut", async () => {
    await open({ userConnectionsMax: 2 });
    const auth = { user: "bob" };
    const first = await host.client({ auth });
    await host.client({ auth });
    await ask(first, "holdfast:stats", { queue: "q" });
    let said: Reply["error"];
    const third = await host.client({ auth, listen: (socket) => socket.once("holdfast:refused", (error) => (said = error)) });
    await until(() => third.disconnected);
    expect(said).toMatchObject({ code: "RATE_LIMITED", message: 'user "bob" has 2 connections, as many as one may have' });
    expect(host.holdfast.refused.userConnections).toBe(1);
    first.disconnect();
    await until(async () => {
      const next = await host.client({ auth });
      return (await ask(next, "holdfast:stats", { queue: "q" }).catch(() => undefined))?.error?.code === "NOT_FOUND";
    });
  });
});

describe("bad requests", () => {
  it("cut who sends too many of them, and say so; a few are answered", async () => {
    await open({ badRequestRate: { perSecond: 1, burst: 5 } });
    const client = await host.client();
    let said: Reply["error"];
    client.once("holdfast:refused", (error) => (said = error));
    for (let index = 0; index < 5; index++) expect((await ask(client, "holdfast:publish", { queue: "" })).error?.code).toBe("BAD_REQUEST");
    await clock.advance(1_000);
    expect((await ask(client, "holdfast:publish", { queue: "" })).error?.code).toBe("BAD_REQUEST");
    expect(client.connected).toBe(true);
    expect((await ask(client, "holdfast:publish", { queue: "" })).error?.code).toBe("BAD_REQUEST");
    await until(() => client.disconnected);
    expect(said).toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringContaining("cut, because too many requests before were no better"),
    });
    expect(host.holdfast.refused).toMatchObject({ badRequests: 7, cut: 1 });
  });

  it("cut who names itself in a way that nobody is named, too, in requests and in frames", async () => {
    await open({ badRequestRate: { perSecond: 1, burst: 5 } });
    const [asks, sends] = [await host.client({ auth: { user: "" } }), await host.client({ auth: { user: "" } })];
    for (let index = 0; index < 6; index++) expect((await ask(asks, "holdfast:join", { room: "a" })).error?.code).toBe("UNAUTHENTICATED");
    for (let index = 0; index < 6; index++) sends.emit("holdfast:frame", Buffer.alloc(10));
    await until(() => asks.disconnected && sends.disconnected);
    expect(host.holdfast.refused).toMatchObject({ badRequests: 12, cut: 2 });
  });

  it("are told to the log once, then as a number", async () => {
    const lines: string[] = [];
    const log = { info: () => undefined, warn: (line: string) => lines.push(line), error: () => undefined };
    await open({}, { log });
    const client = await host.client();
    for (let index = 0; index < 50; index++) await ask(client, "holdfast:publish", { queue: "" });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^refused 1 x badRequests, the last: socket \S+: body is missing, expected a value$/);
    await clock.advance(10_000);
    expect(lines).toHaveLength(2);
    expect(lines[1]).toContain("refused 49 x badRequests");
  });
});

describe("what waits", () => {
  it("is so many requests of a connection", async () => {
    await open({ requestsMax: 3 });
    const client = await host.client();
    const replies = await Promise.all(
      Array.from({ length: 6 }, (_, index) => ask(client, "holdfast:publish", { queue: "q", body: index })),
    );
    expect(replies.map(({ ok }) => ok)).toContain(true);
    for (const { error } of replies.filter(({ ok }) => !ok)) expect(error).toMatchObject({ code: "RATE_LIMITED", retryable: true });
    expect((await ask(client, "holdfast:publish", { queue: "q", body: 1 })).ok).toBe(true);
  });

  it("is so many settlements of a connection", async () => {
    await open({ settlementsMax: 10_000 });
    const client = await FrameClient.on(await host.client());
    const { handle } = await ask(client.socket, "holdfast:consume", { queue: "q", frames: true });
    const run = { first: 1, count: 10_000, verb: "ack" } as const;
    client.section((writer) => {
      for (let request = 1; request <= 3; request++) writer.settle({ request, handle: Number(handle), runs: [run] });
    });
    await client.settled.count(1);
    for (const { error } of await client.refused.count(2)) {
      expect(error).toMatchObject({ code: "RATE_LIMITED", message: expect.stringContaining("at most 10000 may") });
    }
  });
});
