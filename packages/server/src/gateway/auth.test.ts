import { createHash } from "node:crypto";
import { HoldfastError } from "holdfast-client/protocol";
import { Server } from "socket.io";
import type { Socket as ClientSocket } from "socket.io-client";
import { afterEach, describe, expect, it } from "vitest";
import { newApiKey } from "../auth/api-keys.js";
import type { AuthOptions } from "../auth/options.js";
import { AUTH, JWT, tokenOf } from "../auth/test-tokens.js";
import { ManualClock } from "../engines/conformance/manual-clock.js";
import { Holdfast } from "../holdfast.js";
import { FrameClient } from "./frame-client.js";
import { ask, consume, Happenings, type PlainDelivery, TestHost, until } from "./test-host.js";

const ALL = { publish: ["*"], consume: ["*"], join: ["*"], emit: ["*", "@*"], admin: ["*"] };

describe("a namespace with authentication", () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });

  async function open(options: Parameters<typeof TestHost.open>[0] = {}): Promise<TestHost> {
    const host = await TestHost.open({ auth: AUTH, ...options });
    closers.push(() => host.close());
    return host;
  }

  const enter = async (host: TestHost, claims: Parameters<typeof tokenOf>[0] = {}, more: object = {}): Promise<ClientSocket> =>
    host.client({ auth: { token: await tokenOf(claims) }, ...more });
  const refusal = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => "let in",
      (error: Error & { data?: unknown }) => error.data,
    );

  it("refuses who does not say who it is, with the code in the error's data", async () => {
    const host = await open();
    expect(await refusal(host.client())).toEqual({ code: "UNAUTHENTICATED", message: "expected auth { token }", retryable: false });
    for (const token of [7, "", "x".repeat(8_193), {}]) {
      expect(await refusal(host.client({ auth: { token } }))).toMatchObject({ message: "auth.token is not a text of 1 to 8192 bytes" });
    }
    expect(await refusal(enter(host, { exp: 1 }))).toMatchObject({ code: "UNAUTHENTICATED", message: "the token is expired" });
    expect(host.holdfast.counters.refusedConnections).toBe(6);
    expect(await refusal(enter(host))).toBe("let in");
  });

  it("lets do what was granted, and nothing else", async () => {
    const host = await open();
    const ann = await enter(host, { holdfast: { publish: ["orders.*"] } });
    expect(await ask(ann, "holdfast:publish", { queue: "orders.new", body: 1 })).toMatchObject({ ok: true });
    expect(await ask(ann, "holdfast:publish", { queue: "orders", body: 1 })).toMatchObject({
      error: {
        code: "FORBIDDEN",
        message: 'publish needs publish on queue "orders", which "ann" does not have',
        retryable: false,
      },
    });
    const mixed = {
      messages: [
        { queue: "orders.new", body: 1 },
        { queue: "invoices", body: 1 },
      ],
    };
    expect(await ask(ann, "holdfast:publish", mixed)).toMatchObject({ error: { code: "FORBIDDEN" } });
    expect(await ask(ann, "holdfast:publish", { queue: "orders.new", replyTo: "invoices", body: 1 })).toMatchObject({
      error: { code: "FORBIDDEN" },
    });
    expect(await ask(ann, "holdfast:define", { queue: "orders.new", leaseMs: 1_000 })).toMatchObject({ error: { code: "FORBIDDEN" } });
    expect((await host.holdfast.queues()).items).toEqual(["orders.new"]);
  });

  it("the subject is the identity, whatever the client says", async () => {
    const host = await open();
    const token = await tokenOf({ sub: "ann", holdfast: ALL });
    const client = await host.client({ auth: { token, user: "bob" } });
    expect(await ask(client, "holdfast:join", { room: "kitchen" })).toMatchObject({ ok: true });
    expect((await host.holdfast.room("kitchen").members()).items).toMatchObject([{ user: "ann" }]);
  });

  it("frames: publishes, emits and answers to others' queues are refused one by one, and nobody is cut", async () => {
    const host = await open();
    const client = await FrameClient.on(await enter(host, { holdfast: { publish: ["mine"] } }));
    client.publish("mine", 1, [1]);
    for (let number = 1; number <= 30; number++) client.publish("others", number, [1]);
    client.publish("#kitchen", 1, [[1]]);
    const refused = await client.refused.count(31);
    expect(new Set(refused.map(({ error }) => error.code))).toEqual(new Set(["FORBIDDEN"]));
    await client.receipts.count(1);
    expect(client.socket.connected).toBe(true);
    expect((await host.holdfast.queues()).items).toEqual(["mine"]);
  });

  it("lists what one may administer, and counts nothing else", async () => {
    const host = await open();
    for (const name of ["a.1", "a.2", "b.1"]) await host.holdfast.queue(name).publish(1);
    const ann = await enter(host, { holdfast: { admin: ["a.*"] } });
    expect(await ask(ann, "holdfast:list", { kind: "queues" })).toMatchObject({ ok: true, items: ["a.1", "a.2"] });
    const bob = await enter(host, { sub: "bob", holdfast: { publish: ["*"] } });
    expect(await ask(bob, "holdfast:list", { kind: "queues" })).toMatchObject({ error: { code: "FORBIDDEN" } });
    expect(await ask(bob, "holdfast:list", { kind: "memberships" })).toMatchObject({ ok: true, items: [] });
  });

  it("pausing dead letters needs what the dead-letter queue needs, since others may share it", async () => {
    const host = await open();
    const { holdfast } = host;
    await holdfast.queue("eve.own").publish(1);
    await holdfast.queue("eve.shared", { deadLetter: "graveyard" }).publish(1);
    const eve = await enter(host, { sub: "eve", holdfast: { admin: ["eve.own", "eve.shared"] } });
    const keeper = await enter(host, { sub: "keeper", holdfast: { admin: ["eve.*", "graveyard"] } });
    for (const operation of ["pause", "resume"]) {
      expect(await ask(eve, `holdfast:${operation}`, { queue: "eve.own", dead: true })).toEqual({ ok: true });
      expect(await ask(eve, `holdfast:${operation}`, { queue: "eve.shared" })).toEqual({ ok: true });
      expect(await ask(eve, `holdfast:${operation}`, { queue: "eve.shared", dead: true })).toMatchObject({
        error: { code: "FORBIDDEN", message: `${operation} needs admin on queue "graveyard", which "eve" does not have` },
      });
      expect(await ask(keeper, `holdfast:${operation}`, { queue: "eve.shared", dead: true })).toEqual({ ok: true });
      expect(await holdfast.queue("graveyard").stats()).toMatchObject({ paused: operation === "pause" });
    }
  });

  it("keys of services and roles", async () => {
    const key = newApiKey();
    const sha256 = createHash("sha256").update(key).digest("hex");
    const apiKeys = [{ id: "billing", sha256, roles: ["clerk"] }];
    const host = await open({ auth: { apiKeys, roles: { clerk: { consume: ["invoices"] } } } });
    const billing = await host.client({ auth: { token: key } });
    expect(await ask(billing, "holdfast:consume", { queue: "invoices" })).toMatchObject({ ok: true });
    expect(await ask(billing, "holdfast:consume", { queue: "orders" })).toMatchObject({ error: { code: "FORBIDDEN" } });
    expect(await refusal(host.client({ auth: { token: newApiKey() } }))).toMatchObject({ message: "the API key is not known" });
    expect(await refusal(host.client({ auth: { token: sha256 } }))).toMatchObject({ message: "the token is not known" });
  });

  it("the application's own rules: who it is, and what it may", async () => {
    const auth: AuthOptions = {
      ...AUTH,
      authenticate: ({ auth: { ticket } }) => {
        if (ticket === undefined) return undefined;
        if (ticket !== "valid") throw new HoldfastError("UNAUTHENTICATED", "the ticket is used");
        return { subject: "cinema", publish: ["seats"] };
      },
      authorize: (identity, operation, { name }) =>
        name === "closed" ? false : operation === "stats" && identity.subject === "ann" ? true : undefined,
    };
    const host = await open({ auth });
    const cinema = await host.client({ auth: { ticket: "valid" } });
    expect(await ask(cinema, "holdfast:publish", { queue: "seats", body: 1 })).toMatchObject({ ok: true });
    expect(await refusal(host.client({ auth: { ticket: "stolen" } }))).toMatchObject({ message: "the ticket is used" });
    const ann = await enter(host, { holdfast: { publish: ["*"] } });
    expect(await ask(ann, "holdfast:publish", { queue: "closed", body: 1 })).toMatchObject({ error: { code: "FORBIDDEN" } });
    expect(await ask(ann, "holdfast:stats", { queue: "seats" })).toMatchObject({ ok: true });
  });

  it("what the application's authenticate throws is told as it is, unless it is no refusal: then only that it may be tried again", async () => {
    const lines: string[] = [];
    const log = { info: () => undefined, warn: (line: string) => lines.push(line), error: (line: string) => lines.push(line) };
    const outage = { code: "UNAUTHENTICATED", message: "it cannot be found out just now who this is", retryable: true };
    const cases: readonly (readonly [answer: unknown, told: object])[] = [
      [Object.assign(new TypeError("bob's password is 1234"), { code: "ECONNREFUSED" }), outage],
      ["1234", outage],
      [undefined, outage],
      [new HoldfastError("ENGINE_UNAVAILABLE", "no database"), { code: "ENGINE_UNAVAILABLE", message: "no database", retryable: true }],
      [new HoldfastError("RATE_LIMITED", "too many"), { code: "RATE_LIMITED", message: "too many", retryable: true }],
      [new HoldfastError("FORBIDDEN", "bob is banned"), { code: "FORBIDDEN", message: "bob is banned", retryable: false }],
      [new HoldfastError("UNAUTHENTICATED", "in a minute", true), { code: "UNAUTHENTICATED", message: "in a minute", retryable: true }],
    ];
    let thrown: unknown;
    const authenticate = (): never => {
      throw thrown;
    };
    const host = await open({ log, auth: { authenticate } });
    for (const [answer, told] of cases) {
      thrown = answer;
      expect(await refusal(host.client())).toEqual(told);
    }
    const malformed = await open({ log, auth: { authenticate: () => ({ subject: "" }) } });
    expect(await refusal(malformed.client())).toEqual(outage);
    const text = lines.join("\n");
    expect(text).toContain("authenticate failed in namespace /: TypeError ECONNREFUSED\n    at ");
    expect(text).toContain("authenticate failed in namespace /: subject is ");
    expect(text).not.toContain("1234");
  });

  it("a rule of the application that fails, or is asynchronous, refuses", async () => {
    for (const authorize of [
      () => Promise.resolve(true),
      // Which nobody waits for: it must not end the process.
      () => Promise.reject(new Error("no database")),
      () => {
        throw new Error("no database");
      },
    ]) {
      const host = await open({ auth: { ...AUTH, authorize: authorize as unknown as NonNullable<AuthOptions["authorize"]> } });
      const ann = await enter(host, { holdfast: ALL });
      expect(await ask(ann, "holdfast:publish", { queue: "orders", body: 1 })).toMatchObject({ error: { code: "FORBIDDEN" } });
    }
  });

  it("a rule of the application is asked of as many rooms as an emit may have", async () => {
    let asked = 0;
    const host = await open({ auth: { ...AUTH, authorize: () => ++asked > 0 } });
    const ann = await enter(host, { holdfast: ALL });
    const rooms = Array.from({ length: 20_000 }, (_, index) => `room-${index}`);
    expect(await ask(ann, "holdfast:emit", { rooms, event: "e" })).toMatchObject({ error: { code: "BAD_REQUEST" } });
    expect(asked).toBe(101);
  });

  it("a connection that tries one token after the other, or joins without end, is cut", async () => {
    const host = await open();
    host.holdfast.attach(host.io.of("/shop"));
    const ann = await enter(host, { holdfast: ALL });
    const gone = new Promise((resolve) => ann.once("disconnect", resolve));
    // As no client library does it: the same namespace again, before it was answered.
    for (let count = 0; count < 1_100; count++) ann.io.engine.write('0/shop,{"token":"wrong"}');
    expect(await gone).toBe("transport close");
    expect(host.holdfast.refused.cut).toBe(1);
    expect(await ask(await enter(host, { holdfast: ALL }), "holdfast:publish", { queue: "orders", body: 1 })).toMatchObject({ ok: true });
  });

  it("who cannot be found out within 5 s is refused", async () => {
    const clock = new ManualClock();
    const asked = new Happenings<string>();
    const authenticate = (): Promise<undefined> => {
      asked.add("asked");
      return new Promise(() => undefined);
    };
    const host = await open({ clock, auth: { authenticate } });
    const waiting = refusal(host.client());
    await asked.count(1);
    await clock.advance(5_000);
    expect(await waiting).toEqual({
      code: "UNAUTHENTICATED",
      message: "it took longer than 5000 ms to find out who this is",
      retryable: true,
    });
  });

  it("auth: false leaves a namespace to the application; identify beside auth is refused", async () => {
    const host = await open({ attach: false });
    expect(() => host.holdfast.attach(host.io, { identify: () => "ann" })).toThrow("identify is given, expected none");
    expect(() => host.holdfast.attach(host.io, { insecure: true })).toThrow("insecure is given, expected none");
    expect(() => host.holdfast.attach(host.io, { auth: false, insecure: true, identify: () => "ann" })).toThrow("expected one of them");
    host.holdfast.attach(host.io, { auth: false, identify: () => "ann" });
    const client = await host.client();
    expect(await ask(client, "holdfast:publish", { queue: "orders", body: 1 })).toMatchObject({ ok: true });
    expect(await ask(client, "holdfast:authenticate", { token: "x" })).toMatchObject({ error: { code: "BAD_REQUEST" } });
  });

  it("connection state recovery may not skip the question", async () => {
    const host = await open({ attach: false, io: { connectionStateRecovery: {} } });
    expect(() => host.holdfast.attach(host.io)).toThrow("connectionStateRecovery.skipMiddlewares is true, expected false");
  });

  it("a connection that is recovered is asked again", async () => {
    const host = await open({ io: { connectionStateRecovery: { skipMiddlewares: false } } });
    const ann = await enter(host, { jti: "t1", holdfast: ALL }, { reconnection: true });
    const { id } = ann;
    host.io.emit("hello"); // gives the client an offset to come back with
    await new Promise<void>((resolve) => ann.once("hello", () => resolve()));
    ann.io.engine.close();
    await new Promise<void>((resolve) => ann.once("connect", resolve));
    expect([ann.recovered, ann.id]).toEqual([true, id]);
    expect(await ask(ann, "holdfast:publish", { queue: "orders", body: 1 })).toMatchObject({ ok: true });
    const refused = new Promise((resolve) => ann.once("connect_error", (error) => resolve((error as { data?: unknown }).data)));
    await host.holdfast.revoke({ tokenId: "t1" });
    expect(await refused).toMatchObject({ code: "UNAUTHENTICATED", message: "the token or key is revoked" });
  });

  it("sockets that were there before are cut", async () => {
    const host = await open({ attach: false });
    const client = await host.client();
    const gone = new Promise((resolve) => client.once("disconnect", resolve));
    host.holdfast.attach(host.io);
    expect(await gone).toBe("transport close");
  });

  it("expiry cuts the connection; with a fresh token the client comes back to its consumer", async () => {
    const clock = new ManualClock(Date.now());
    const host = await open({ clock });
    let token = await tokenOf({ exp: Math.floor(clock.now() / 1_000) + 60, holdfast: ALL });
    const client = await host.client({
      auth: ((callback: (data: object) => void) => callback({ token })) as unknown as object,
      reconnection: true,
    });
    const delivered = new Happenings<PlainDelivery>();
    await host.holdfast.queue("orders", { leaseMs: 300_000 }).publish(1);
    const consumer = await consume(client, { queue: "orders" }, (delivery) => delivered.add(delivery));
    const [first] = await delivered.count(1);
    const back = new Promise<void>((resolve) => client.once("connect", resolve));
    const gone = new Promise((resolve) => client.once("disconnect", resolve));
    token = await tokenOf({ exp: Math.floor(clock.now() / 1_000) + 3_600, holdfast: ALL });
    await clock.advance(59_000);
    expect(client.connected).toBe(true);
    await clock.advance(2_000);
    expect(await gone).toBe("transport close");
    await back;
    expect(await ask(client, "holdfast:consume", { queue: "orders", consumer })).toMatchObject({ ok: true, consumer });
    const settlements = [{ token: first?.token, ack: true }];
    expect(await ask(client, "holdfast:settle", { consumer, settlements })).toMatchObject({ results: [{ ok: true }] });
  });

  it("expiry of a client that does not come back returns what it had", async () => {
    const clock = new ManualClock(Date.now());
    const host = await open({ clock });
    const client = await enter(host, { exp: Math.floor(clock.now() / 1_000) + 60, holdfast: ALL });
    const delivered = new Happenings<PlainDelivery>();
    const orders = host.holdfast.queue("orders");
    await orders.publish(1);
    await consume(client, { queue: "orders" }, (delivery) => delivered.add(delivery));
    await delivered.count(1);
    await clock.advance(60_000);
    await until(async () => !client.connected);
    await clock.advance(5_000);
    await until(async () => (await orders.stats()).inFlight === 0);
    expect(await orders.stats()).toMatchObject({ ready: 1, consumers: 0 });
  });

  it("revoking a subject cuts it at once, returns what it had, and refuses it until it has a newer token", async () => {
    const host = await open();
    const ann = await enter(host, { iat: Math.floor(Date.now() / 1_000) - 10, holdfast: ALL }, { reconnection: true });
    const bob = await enter(host, { sub: "bob", holdfast: ALL });
    const delivered = new Happenings<PlainDelivery>();
    const orders = host.holdfast.queue("orders");
    await orders.publish(1);
    await consume(ann, { queue: "orders" }, (delivery) => delivered.add(delivery));
    await delivered.count(1);
    const refused = new Promise((resolve) => ann.once("connect_error", (error) => resolve((error as { data?: unknown }).data)));
    expect(await host.holdfast.revoke({ subject: "ann" })).toMatchObject({ connections: 1 });
    expect((await orders.stats()).inFlight).toBe(0);
    expect(await refused).toEqual({ code: "UNAUTHENTICATED", message: "the token or key is revoked", retryable: false });
    expect(ann.active).toBe(false);
    expect(bob.connected).toBe(true);
    expect(await refusal(enter(host, { iat: Math.floor(Date.now() / 1_000) + 2, holdfast: ALL }))).toBe("let in");
    await host.holdfast.restore({ subject: "ann" });
    expect(await refusal(enter(host, { iat: 1 }))).toBe("let in");
  });

  it("revoking who is away ends its consumers without waiting for it", async () => {
    const host = await open();
    const ann = await enter(host, { iat: 1, holdfast: ALL });
    const delivered = new Happenings<PlainDelivery>();
    const orders = host.holdfast.queue("orders");
    await orders.publish(1);
    await consume(ann, { queue: "orders" }, (delivery) => delivered.add(delivery));
    await delivered.count(1);
    ann.disconnect();
    await until(() => host.io.of("/").sockets.size === 0);
    expect((await orders.stats()).inFlight).toBe(1);
    await host.holdfast.revoke({ subject: "ann" });
    expect((await orders.stats()).inFlight).toBe(0);
  });

  it("refuses malformed revocations", async () => {
    const host = await open();
    for (const target of [{}, { subject: "" }, { subject: "a", tokenId: "b" }, { tokenId: "x".repeat(257) }]) {
      await expect(host.holdfast.revoke(target as { subject: string })).rejects.toMatchObject({ code: "BAD_REQUEST" });
    }
    const plain = await Holdfast.open({ engine: "memory" });
    closers.push(() => plain.close());
    await expect(plain.revoke({ subject: "ann" })).rejects.toThrow("auth is missing");
    expect(() => plain.administer(new Server())).toThrow("auth is missing");
  });
});

describe("holdfast:authenticate", () => {
  let host: TestHost;
  afterEach(() => host.close());
  const open = async (clock?: ManualClock): Promise<TestHost> => {
    host = await TestHost.open({ auth: AUTH, ...(clock && { clock }) });
    return host;
  };

  it("a fresh token keeps the connection beyond the old one", async () => {
    const clock = new ManualClock(Date.now());
    const now = Math.floor(clock.now() / 1_000);
    await open(clock);
    const client = await host.client({ auth: { token: await tokenOf({ exp: now + 60, holdfast: ALL }) } });
    const reply = await ask(client, "holdfast:authenticate", { token: await tokenOf({ exp: now + 600, holdfast: ALL }) });
    expect(reply).toEqual({ ok: true, expiresAt: (now + 600) * 1_000 });
    await clock.advance(500_000);
    expect(await ask(client, "holdfast:publish", { queue: "orders", body: 1 })).toMatchObject({ ok: true });
    const gone = new Promise((resolve) => client.once("disconnect", resolve));
    await clock.advance(101_000);
    await gone;
  });

  it("replaces the permissions: what is not granted any more ends, frames too", async () => {
    await open();
    const client = await host.client({ auth: { token: await tokenOf({ holdfast: ALL }) } });
    const frames = await FrameClient.on(client);
    frames.publish("orders", 1, [1]);
    await frames.receipts.count(1);
    const cancelled = new Happenings<{ queue: string; reason: string }>();
    client.on("holdfast:cancelled", (notice: { queue: string; reason: string }) => cancelled.add(notice));
    await ask(client, "holdfast:join", { room: "kitchen" });
    await ask(client, "holdfast:presence", { room: "kitchen", watch: true });
    const again = new Promise((resolve) => client.once("holdfast:presence", resolve));
    const consumer = await consume(client, { queue: "orders" }, () => undefined);
    const kept = await consume(client, { queue: "invoices" }, () => undefined);
    const less = await tokenOf({ holdfast: { consume: ["invoices"] } });
    expect(await ask(client, "holdfast:authenticate", { token: less })).toMatchObject({ ok: true });
    expect(await cancelled.count(1)).toMatchObject([{ queue: "orders", reason: "forbidden" }]);
    expect(await again).toEqual({ room: "kitchen", again: true });
    frames.publish("orders", 2, [1]);
    expect(await frames.refused.count(1)).toMatchObject([{ error: { code: "FORBIDDEN" } }]);
    expect(await ask(client, "holdfast:cancel", { consumer })).toMatchObject({ error: { code: "NOT_FOUND" } });
    expect(await ask(client, "holdfast:cancel", { consumer: kept })).toMatchObject({ ok: true });
    expect((await host.holdfast.queue("orders").stats()).ready).toBe(1);
  });

  it("another subject, a wrong token and a malformed request change nothing", async () => {
    await open();
    const client = await host.client({ auth: { token: await tokenOf({ holdfast: { publish: ["*"] } }) } });
    const asked = async (request: object): Promise<unknown> => (await ask(client, "holdfast:authenticate", request)).error;
    expect(await asked({ token: await tokenOf({ sub: "bob" }) })).toMatchObject({ code: "FORBIDDEN" });
    expect(await asked({ token: await tokenOf({ exp: 1 }) })).toMatchObject({ code: "UNAUTHENTICATED", message: "the token is expired" });
    expect(await asked({ token: 7 })).toMatchObject({ code: "BAD_REQUEST" });
    expect(await asked({ tokn: JWT.secret })).toMatchObject({ code: "BAD_REQUEST", message: expect.not.stringContaining(JWT.secret) });
    expect(await ask(client, "holdfast:publish", { queue: "orders", body: 1 })).toMatchObject({ ok: true });
  });
});
