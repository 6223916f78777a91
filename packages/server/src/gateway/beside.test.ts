import { Server } from "socket.io";
import { afterEach, describe, expect, it } from "vitest";
import { ask, consume, Happenings, type PlainDelivery, TestHost, until } from "./test-host.js";

const hosts: TestHost[] = [];
const open = async (...options: Parameters<typeof TestHost.open>): Promise<TestHost> => {
  const host = await TestHost.open(...options);
  hosts.push(host);
  return host;
};

afterEach(async () => {
  for (const host of hosts.splice(0)) await host.close();
});

describe("the application's own Socket.IO", () => {
  it("works untouched: events, acknowledgements both ways, rooms, middleware of namespaces and packets", async () => {
    const host = await open({ attach: false });
    const seen: string[] = [];
    host.io.use((socket, next) => next(socket.handshake.auth.secret === "yes" ? undefined : new Error("no entry")));
    host.io.on("connection", (socket) => {
      socket.use(([event], next) => {
        seen.push(String(event));
        next();
      });
      socket.on("echo", (value: unknown, callback: (value: unknown) => void) => callback(value));
      socket.on("join", (room: string, callback: () => void) => {
        void socket.join(room);
        callback();
      });
    });
    host.holdfast.attach(host.io);
    await expect(host.client()).rejects.toThrow("no entry");
    const [client, other] = [await host.client({ auth: { secret: "yes" } }), await host.client({ auth: { secret: "yes" } })];
    const got = new Happenings<PlainDelivery>();
    await consume(client, { queue: "q" }, (delivery, callback) => {
      got.add(delivery);
      callback();
    });
    await Promise.all(Array.from({ length: 20 }, (_, body) => ask(client, "holdfast:publish", { queue: "q", body })));
    expect(await client.emitWithAck("echo", { a: Buffer.from("x") })).toEqual({ a: Buffer.from("x") });
    await client.emitWithAck("join", "room");
    const inRoom = new Promise((resolve) => client.once("news", resolve));
    other.once("news", () => seen.push("wrong room"));
    host.io.to("room").emit("news", 7);
    expect(await inRoom).toBe(7);
    client.on("question", (callback: (answer: string) => void) => callback("answer"));
    const [socket] = [...host.io.of("/").sockets.values()].filter(({ id }) => id === client.id);
    expect(await socket?.timeout(5_000).emitWithAck("question")).toBe("answer");
    await got.count(20);
    expect(seen).toContain("holdfast:publish");
    expect(seen).not.toContain("wrong room");
    // Its acknowledgement ids stay small: some clients (Java) cannot read larger ones than 2^31 - 1.
    expect(host.io.of("/")._ids).toBe(1);
  });

  it("is what Holdfast attaches to, and nothing else", async () => {
    const { holdfast, http, io } = await open({ attach: false });
    const targets: readonly (readonly [unknown, string])[] = [
      [undefined, "missing"],
      [null, "null"],
      [{}, "an object"],
      [http, "an object"],
      ["/orders", '"/orders"'],
    ];
    for (const [target, shown] of targets) {
      const error = { code: "BAD_REQUEST", message: `target is ${shown}, expected a Server of Socket.IO, or one of its namespaces` };
      expect(() => holdfast.attach(target as Server)).toThrow(expect.objectContaining(error));
    }
    const refused: readonly (readonly [unknown, string])[] = [
      [null, "options is null, expected an object"],
      [{ identify: "ann" }, 'identify is "ann", expected a function that is given a socket'],
      [{ auth: true }, "auth is true, expected false"],
      [{ namespace: "/a" }, 'namespace is "/a", expected no such field'],
    ];
    for (const [options, message] of refused) {
      expect(() => holdfast.attach(io, options as object)).toThrow(expect.objectContaining({ code: "BAD_REQUEST", message }));
    }
    holdfast.attach(io.of("/orders"));
    holdfast.attach(io, {});
  });

  it("costs no packet middleware, no catch-all listener, and nothing for sockets that never ask", async () => {
    const host = await open();
    await host.client();
    const [socket] = host.io.of("/").sockets.values();
    expect(Reflect.get(socket ?? {}, "fns")).toHaveLength(0);
    expect(socket?.listenersAny()).toHaveLength(0);
    expect(socket?.listenersAnyOutgoing()).toHaveLength(0);
    expect(socket?.listenerCount("disconnect")).toBe(0);
  });

  it("serves sockets that were connected before, and namespaces made on the fly", async () => {
    const host = await open({ attach: false });
    const early = await host.client();
    host.holdfast.attach(host.io);
    host.holdfast.attach(host.io.of(/^\/tenant-\d+$/));
    expect(await ask(early, "holdfast:publish", { queue: "q", body: 1 })).toMatchObject({ ok: true });
    const tenant = await host.client({ namespace: "/tenant-7" });
    expect(await ask(tenant, "holdfast:publish", { queue: "q", body: 7 })).toMatchObject({ ok: true });
    expect((await host.holdfast.of("/tenant-7").queue("q").peek()).items.map(({ body }) => body)).toEqual([7]);
  });

  it("takes servers whose events are typed", async () => {
    interface Events {
      news: (text: string) => void;
    }
    const io = new Server<Events, Events, Events, { user: string }>();
    const host = await open({ attach: false });
    host.holdfast.attach(io, { identify: (socket) => socket.data.user });
    host.holdfast.attach(io.of("/orders"));
  });

  it("says who a socket belongs to", async () => {
    const host = await open({ identify: (socket) => socket.handshake.auth.token });
    await host.client({ auth: { token: "bob", user: "eve" } });
    const [socket] = host.io.of("/").sockets.values();
    expect(socket && host.holdfast.identityOf(socket)).toBe("bob");
  });
});

describe("connection state recovery", () => {
  it("keeps the application's packets but none of ours, and a recovered socket starts anew", async () => {
    const host = await open({ io: { connectionStateRecovery: {} } });
    const client = await host.client({ reconnection: true, auth: { user: "bob" } });
    const got = new Happenings<PlainDelivery>();
    const callbacks: (() => void)[] = [];
    const consumer = await consume(client, { queue: "q" }, (delivery, callback) => {
      got.add(delivery);
      callbacks.push(callback);
    });
    const news: unknown[] = [];
    client.on("news", (value) => news.push(value));
    await ask(client, "holdfast:publish", { queue: "q", body: 1 });
    await got.count(1);
    host.io.emit("news", 1);
    await until(() => news.length === 1);
    const refused = new Promise((resolve) => client.once("holdfast:frame", resolve));
    client.emit("holdfast:frame", "nonsense");
    await refused;
    const again = new Promise((resolve) => client.once("connect", () => resolve(client.recovered)));
    client.io.engine.close();
    await until(() => host.io.of("/").sockets.size === 0);
    host.io.emit("news", 2);
    expect(await again).toBe(true);
    await until(() => news.length === 2);
    const adapter = host.io.of("/").adapter as unknown as { readonly packets: { readonly data: unknown[] }[] };
    expect(adapter.packets.map(({ data }) => data[0])).toEqual(["news", "news"]);
    expect(await ask(client, "holdfast:consume", { queue: "q", consumer })).toMatchObject({ ok: true });
    callbacks[0]?.();
    await until(async () => (await host.holdfast.queue("q").stats()).acked === 1);
    expect(got.items).toHaveLength(1);
  });
});

describe("HTTP long polling", () => {
  it("serves plain clients that have no WebSocket, and those that change to one", async () => {
    const host = await open();
    for (const transports of [["polling"], ["polling", "websocket"]]) {
      const client = await host.client({ transports });
      const got = new Happenings<unknown>();
      const queue = `q-${transports.length}`;
      await consume(client, { queue, maxInFlight: 1_000 }, ({ body }, callback) => {
        got.add(body);
        callback();
      });
      const body = "x".repeat(10_000);
      for (let message = 0; message < 50; message++) await ask(client, "holdfast:publish", { queue, body });
      await got.count(50);
      await until(async () => (await host.holdfast.queue(queue).stats()).acked === 50);
    }
  });
});
