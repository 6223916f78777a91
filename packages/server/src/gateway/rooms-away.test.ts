import type { Socket } from "socket.io";
import { afterEach, describe, expect, it } from "vitest";
import { ManualClock, turn } from "../engines/conformance/manual-clock.js";
import { createMemoryEngine } from "../engines/memory/memory-engine.js";
import { MemoryStore } from "../engines/memory/memory-store.js";
import { FailingStore } from "./failing-store.js";
import { Peer } from "./peer.js";
import { TestHost, until } from "./test-host.js";

const DAY_MS = 86_400_000;

const hosts: TestHost[] = [];
const open = async (...options: Parameters<typeof TestHost.open>): Promise<TestHost> => {
  const host = await TestHost.open(...options);
  hosts.push(host);
  return host;
};

afterEach(async () => {
  for (const host of hosts.splice(0)) await host.close();
});

/** Moves the time in steps until something holds, for what a device gets after a while. */
async function advanceUntil(clock: ManualClock, stepMs: number, holds: () => boolean): Promise<void> {
  while (!holds()) {
    await clock.advance(stepMs);
    for (let turns = 0; turns < 20; turns++) await turn();
  }
}

const delivered = async (peer: Peer, id: string): Promise<number> => {
  const { counts } = await peer.ask("receipts", { room: "kitchen", id });
  return (counts as { delivered: number }).delivered;
};

describe("a device that does not answer", () => {
  it("gets the message again after 30 s, and settles it by the callback of either delivery", async () => {
    const clock = new ManualClock();
    const host = await open({ clock });
    const bob = await Peer.connect(host, { user: "bob", meta: true });
    bob.answers = () => undefined;
    await bob.ask("join", { room: "kitchen" });
    await bob.ask("emit", { room: "kitchen", event: "n", args: [1], id: "o-1" });
    await bob.events.count(1);
    await clock.advance(29_999);
    await bob.ask("list", { kind: "rooms" });
    expect(bob.events.items).toHaveLength(1);
    await advanceUntil(clock, 1, () => bob.events.items.length === 2);
    expect(bob.events.items.map(([event, n, meta]) => [event, n, (meta as { redelivered: boolean }).redelivered])).toEqual([
      ["n", 1, false],
      ["n", 1, true],
    ]);
    bob.callbacks[0]?.();
    await until(async () => (await delivered(bob, "o-1")) === 1);
    expect(host.holdfast.counters.staleCallbacks).toBe(0);
    bob.callbacks[1]?.();
    await bob.ask("list", { kind: "rooms" });
    expect(host.holdfast.counters.staleCallbacks).toBe(1);
  });
});

describe("a device that answers late", () => {
  it("settles a message by an ack that comes after the nack of an earlier delivery, and gets it no more", async () => {
    const clock = new ManualClock();
    const host = await open({ clock });
    const bob = await Peer.connect(host, { user: "bob", meta: true });
    bob.answers = () => undefined;
    await bob.ask("join", { room: "kitchen" });
    await bob.ask("emit", { room: "kitchen", event: "n", args: [1], id: "o-1" });
    await bob.events.count(1);
    await clock.advance(30_000);
    await bob.events.count(2);
    bob.callbacks[0]?.({ nack: { delayMs: 60_000 } });
    bob.callbacks[1]?.();
    await until(async () => (await delivered(bob, "o-1")) === 1);
    await clock.advance(60_000);
    await bob.ask("list", { kind: "rooms" });
    expect(bob.events.items).toHaveLength(2);
  });

  it("S4: gets each message 5 times when it nacks all at once, and those that it acks in a while fewer times", async () => {
    const host = await open();
    const bob = await Peer.connect(host, { user: "bob" });
    bob.answers = (event, [n]) => (event === "holdfast:gap" || n === 3 ? undefined : [{ nack: { delayMs: 0 } }]);
    await bob.ask("join", { room: "kitchen" });
    await Promise.all([1, 2, 3, 4].map((n) => bob.ask("emit", { room: "kitchen", event: "n", args: [n], id: `o-${n}` })));
    await until(async () => {
      const gaps = bob.events.items.filter(([event]) => event === "holdfast:gap") as [string, { from: number; to: number }][];
      return gaps.reduce((sum, [, { from, to }]) => sum + to - from + 1, 0) === 3;
    });
    const late = bob.callbacks.filter((_, index) => bob.events.items[index]?.[1] === 3);
    // Each time it came along with the others, but for the last.
    expect(late).toHaveLength(4);
    late[0]?.();
    await until(async () => (await delivered(bob, "o-3")) === 1);
    for (const n of [1, 2, 4]) expect(bob.events.items.filter(([event, args]) => event === "n" && args === n)).toHaveLength(5);
  });
});

describe("a device that is away", () => {
  it("S4: is told a gap of what was not kept so long, again until it takes note, and gets the rest", async () => {
    const clock = new ManualClock();
    const host = await open({ clock });
    const ann = await Peer.connect(host, { user: "ann" });
    await ann.ask("add", { room: "kitchen", member: { user: "bob" } });
    for (const n of [1, 2, 3]) await ann.ask("emit", { room: "kitchen", event: "n", args: [n] });
    await ann.ask("emit", { user: "bob", event: "n", args: [0] });
    await clock.advance(8 * DAY_MS);
    await ann.ask("emit", { room: "kitchen", event: "n", args: [4] });
    const bob = await Peer.connect(host, { user: "bob" });
    bob.answers = (event) => (event === "holdfast:gap" ? undefined : []);
    const first = await bob.events.count(3);
    const gaps = [
      ["holdfast:gap", { room: "kitchen", from: 1, to: 3, reason: "retention" }],
      ["holdfast:gap", { user: "bob", from: 1, to: 1, reason: "retention" }],
    ];
    expect(first).toHaveLength(3);
    expect(first).toEqual(expect.arrayContaining([...gaps, ["n", 4]]));
    await advanceUntil(clock, 30_000, () => bob.events.items.length >= 5);
    expect(bob.events.items.slice(3)).toEqual(expect.arrayContaining(gaps));
    bob.answers = () => [];
    await advanceUntil(clock, 30_000, () => bob.events.items.length >= 7);
    await bob.ask("list", { kind: "rooms" });
    const count = bob.events.items.length;
    for (let step = 0; step < 4; step++) {
      await clock.advance(30_000);
      await bob.ask("list", { kind: "rooms" });
    }
    bob.socket.disconnect();
    const back = await Peer.connect(host, { user: "bob" });
    await ann.ask("emit", { room: "kitchen", event: "n", args: [5] });
    expect(await back.events.count(1)).toEqual([["n", 5]]);
    expect(bob.events.items).toHaveLength(count);
  });

  it("S4: takes note of each of several gaps of a room, of either telling, and loses no callback of what lies between", async () => {
    const clock = new ManualClock();
    const host = await open({ clock });
    const ann = await Peer.connect(host, { user: "ann" });
    await ann.ask("add", { room: "kitchen", member: { user: "bob" } });
    for (const n of [1, 2, 3]) {
      await ann.ask("emit", { room: "kitchen", event: "n", args: [n], id: `o-${n}` });
      await ann.ask("emit", { room: "kitchen", event: "typing", args: [n], ttlMs: 1_000 });
    }
    await clock.advance(1_000);
    const bob = await Peer.connect(host, { user: "bob", device: "default" });
    bob.answers = () => undefined;
    const isGap = ([event]: readonly unknown[]): boolean => event === "holdfast:gap";
    const gaps = (): unknown[] => bob.events.items.filter(isGap).map(([, gap]) => (gap as { from: number }).from);
    await bob.events.count(6);
    expect(gaps()).toEqual([2, 4, 6]);
    for (const [index, event] of bob.events.items.entries()) if (!isGap(event)) bob.callbacks[index]?.();
    for (const n of [1, 2, 3]) await until(async () => (await delivered(ann, `o-${n}`)) === 1);
    await advanceUntil(clock, 30_000, () => gaps().length === 6);
    const told = [...bob.events.items.keys()].filter((index) => isGap(bob.events.items[index] ?? []));
    for (const index of [told[0], told[1], told[5]]) if (index !== undefined) bob.callbacks[index]?.();
    await bob.ask("list", { kind: "rooms" });
    for (let step = 0; step < 4; step++) {
      await clock.advance(30_000);
      await bob.ask("list", { kind: "rooms" });
    }
    expect(gaps()).toHaveLength(6);
    const back = await Peer.connect(host, { user: "bob", device: "default" });
    await ann.ask("emit", { room: "kitchen", event: "n", args: [4] });
    expect(await back.events.count(1)).toEqual([["n", 4]]);
  });

  it("T2: never gets what had a time to live that is over", async () => {
    const clock = new ManualClock();
    const host = await open({ clock });
    const ann = await Peer.connect(host, { user: "ann" });
    await ann.ask("add", { room: "kitchen", member: { user: "bob" } });
    await ann.ask("emit", { room: "kitchen", event: "n", args: [1], ttlMs: 1_000 });
    await ann.ask("emit", { room: "kitchen", event: "n", args: [2] });
    await clock.advance(1_001);
    const bob = await Peer.connect(host, { user: "bob" });
    const events = await bob.events.count(2);
    expect(events).toEqual(
      expect.arrayContaining([
        ["holdfast:gap", { room: "kitchen", from: 1, to: 1, reason: "expired" }],
        ["n", 2],
      ]),
    );
  });
});

describe("a queue that is a member", () => {
  it("is fed every message once, with event, headers and who sent it", async () => {
    const host = await open();
    const ann = await Peer.connect(host, { user: "ann" });
    await ann.ask("add", { room: "kitchen", member: { queue: "orders" } });
    await ann.ask("emit", { room: "kitchen", event: "order", args: [{ table: 4 }, 2], id: "o-1", headers: { trace: "7" } });
    await host.holdfast.room("kitchen").emit("order", "by the server");
    const orders = host.holdfast.queue("orders");
    await until(async () => (await orders.peek()).items.length === 2);
    const { items } = await orders.peek();
    expect(items.map(({ event, body, headers }) => [event, body, headers])).toEqual([
      ["order", [{ table: 4 }, 2], { trace: "7", "holdfast:sender": "ann" }],
      ["order", ["by the server"], undefined],
    ]);
  });
});

describe("another life", () => {
  it("S3: of the process brings what was not acknowledged, and a callback of before settles nothing", async () => {
    const store = new MemoryStore();
    const before = await open({ engine: createMemoryEngine({ store }) });
    const bob = await Peer.connect(before, { user: "bob", meta: true }, { reconnection: true });
    await bob.ask("join", { room: "kitchen" });
    bob.answers = (_, [n]) => (n === 1 ? [] : undefined);
    for (const n of [1, 2, 3]) await bob.ask("emit", { room: "kitchen", event: "n", args: [n], id: `o-${n}` });
    await bob.events.count(3);
    await until(async () => (await delivered(bob, "o-1")) === 1);
    const { port } = before;
    const gone = new Promise((resolve) => bob.socket.once("disconnect", resolve));
    await before.stop();
    await gone;

    await open({ engine: createMemoryEngine({ store }), port });
    const events = await bob.events.count(5);
    expect(events.map(([, n]) => n)).toEqual([1, 2, 3, 2, 3]);
    for (const callback of bob.callbacks.slice(1, 3)) callback();
    await bob.ask("list", { kind: "rooms" });
    expect([await delivered(bob, "o-2"), await delivered(bob, "o-3")]).toEqual([0, 0]);
    for (const callback of bob.callbacks.slice(3)) callback();
    await until(async () => (await delivered(bob, "o-3")) === 1);
  });

  it("of the engine goes on with the devices that are connected", async () => {
    const store = new FailingStore(new MemoryStore());
    const host = await open({ engine: createMemoryEngine({ store }) });
    const bob = await Peer.connect(host, { user: "bob" });
    await bob.ask("join", { room: "kitchen" });
    bob.answers = () => undefined;
    await bob.ask("emit", { room: "kitchen", event: "n", args: [1], id: "o-1" });
    await bob.events.count(1);
    store.fails = true;
    expect((await bob.ask("emit", { room: "kitchen", event: "n", args: [2] })).error).toMatchObject({ code: "UNKNOWN", retryable: true });
    expect((await bob.ask("join", { room: "kitchen" })).error).toMatchObject({ code: "ENGINE_UNAVAILABLE", retryable: true });
    store.fails = false;
    await until(() => host.holdfast.ready);
    bob.answers = () => [];
    await bob.events.count(2);
    expect(await bob.ask("join", { room: "kitchen" })).toMatchObject({ ok: true });
    await bob.ask("emit", { room: "kitchen", event: "n", args: [3], id: "o-3" });
    expect((await bob.events.count(3)).map(([, n]) => n)).toEqual([1, 1, 3]);
    await until(async () => (await delivered(bob, "o-3")) === 1);
  });
});

describe("whose connection it is", () => {
  it("may be said by the application when it is connected, of each namespace for itself", async () => {
    const host = await open({ attach: false });
    const identify = (socket: Socket): string | undefined => socket.data.user as string | undefined;
    host.holdfast.attach(host.io, { identify });
    host.holdfast.attach(host.io.of("/shop"), { identify });
    for (const namespace of [host.io.of("/"), host.io.of("/shop")]) {
      namespace.on("connection", (socket) => {
        socket.data.user = socket.handshake.auth.name;
      });
    }
    for (const scope of [host.holdfast, host.holdfast.of("/shop")]) await scope.room("kitchen").add({ user: "bob" });
    await host.holdfast.room("kitchen").emit("where", "/");
    await host.holdfast.of("/shop").room("kitchen").emit("where", "/shop");
    for (const namespace of ["/", "/shop"]) {
      const bob = await Peer.connect(host, { name: "bob", user: "eve" }, { namespace });
      expect(await bob.events.count(1)).toEqual([["where", namespace]]);
    }
  });

  /** Of an application whose users log in by an event, once they are connected. */
  async function openWithLogin(options: Parameters<typeof TestHost.open>[0] = {}): Promise<TestHost> {
    const host = await open({ identify: (socket) => socket.data.user as string | undefined, ...options });
    host.io.on("connection", (socket) => {
      socket.on("login", (user: unknown, done: () => void) => {
        socket.data.user = user;
        done();
      });
    });
    await host.holdfast.room("kitchen").add({ user: "bob" });
    return host;
  }

  it("is asked again, as long as it is nobody's, at each request about rooms, and stays as it was said then", async () => {
    const host = await openWithLogin();
    await host.holdfast.room("kitchen").emit("n", 1);
    const bob = await Peer.connect(host, { device: "phone" });
    const consumer = (await bob.ask("consume", { queue: "orders" })).consumer;
    for (const operation of ["join", "history"]) {
      expect((await bob.ask(operation, { room: "kitchen" })).error).toMatchObject({
        code: "UNAUTHENTICATED",
        message: expect.stringContaining("identify names none for it"),
      });
    }
    await bob.ask("hello", { frames: 1, rooms: { meta: true } });
    await bob.socket.emitWithAck("login", 7);
    expect((await bob.ask("join", { room: "kitchen" })).error).toMatchObject({ message: expect.stringContaining("user is 7") });
    await bob.socket.emitWithAck("login", "bob");
    const [socket] = host.io.of("/").sockets.values();
    expect(await bob.ask("emit", { room: "kitchen", event: "n", args: [2] })).toMatchObject({ ok: true });
    expect((await bob.events.count(2)).map(([, n, meta]) => [n, typeof meta])).toEqual([
      [1, "object"],
      [2, "object"],
    ]);
    expect((await bob.ask("presence", { room: "kitchen" })).items).toEqual([{ user: "bob", devices: ["phone"] }]);
    await bob.socket.emitWithAck("login", "eve");
    expect(await bob.ask("emit", { room: "kitchen", event: "n", args: [3] })).toMatchObject({ ok: true });
    expect((await bob.ask("history", { room: "kitchen" })).items).toMatchObject([{ sender: "bob" }, { sender: "bob" }, {}]);
    expect(socket && host.holdfast.identityOf(socket)).toBe("bob");
    expect(await bob.ask("cancel", { consumer }), "what it has of queues stays its own").toMatchObject({ ok: true });
  });

  it("counts the user's connections, also of who logs in later", async () => {
    const host = await openWithLogin({ limits: { userConnectionsMax: 1 } });
    const bobs = [await Peer.connect(host, {}), await Peer.connect(host, {})];
    for (const bob of bobs) {
      await bob.ask("list", { kind: "queues" });
      await bob.socket.emitWithAck("login", "bob");
    }
    expect(await bobs[0]?.ask("join", { room: "kitchen" })).toMatchObject({ ok: true });
    bobs[1]?.socket.emit("holdfast:join", { room: "kitchen" });
    expect(await bobs[1]?.events.count(1)).toMatchObject([["holdfast:refused", { code: "RATE_LIMITED" }]]);
    await until(() => bobs[1]?.socket.connected === false);
    bobs[0]?.socket.disconnect();
    await until(() => host.io.of("/").sockets.size === 0);
    const third = await Peer.connect(host, {});
    await third.socket.emitWithAck("login", "bob");
    expect(await third.ask("join", { room: "kitchen" })).toMatchObject({ ok: true });
  });

  it("of holdfast-client, may be said after each connect: its hello is no last word", async () => {
    const host = await openWithLogin();
    const bob = host.enter();
    const seen: unknown[] = [];
    const kitchen = bob.room("kitchen");
    kitchen.on("n", (n) => void seen.push(n));
    await bob.queue("orders").publish(1);
    for (const n of [1, 2]) {
      await bob.socket.timeout(10_000).emitWithAck("login", "bob");
      expect(await kitchen.emit("n", n)).toMatchObject({ duplicate: false });
      await until(() => seen.includes(n));
      const back = new Promise<void>((resolve) => bob.socket.once("connect", resolve));
      bob.socket.io.engine.close();
      await back;
      await bob.queue("orders").publish(n);
      expect(await kitchen.emit("n", n).catch(({ code }) => code)).toBe("UNAUTHENTICATED");
    }
    // One that was not acked yet comes again.
    expect([...new Set(seen)]).toEqual([1, 2]);
  });
});
