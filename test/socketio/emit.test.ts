import type { Socket } from "socket.io";
import type { Socket as ClientSocket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Application } from "./application.js";
import { collect, heard, hearers, next } from "./hearing.js";

let app: Application;
let clients: ClientSocket[];
let sockets: Socket[];

beforeEach(async () => {
  app = await Application.open({ perMessageDeflate: { threshold: 0 } });
  clients = await app.clients(3);
  sockets = clients.map((client) => app.socketOf(client));
});

afterEach(() => app.close());

const hears = (act: (event: string) => unknown): Promise<number[]> => hearers(app.io, clients, act);

/** Runs `act` once the transport of the socket takes packets at once. */
async function whenWritable(socket: Socket, act: () => void): Promise<void> {
  const { transport } = socket.conn as unknown as { transport: { writable: boolean; once(event: "drain", done: () => void): void } };
  while (!transport.writable) await new Promise<void>((resolve) => transport.once("drain", resolve));
  act();
}

describe("emit from the server", () => {
  it("socket.emit: one client, with any number and kind of arguments", async () => {
    const args = [1, "2", { three: [true, null] }, Buffer.from([4])];
    const got = await heard(app.io, clients, "news", () => {
      sockets[1]?.emit("news", ...args);
      sockets[1]?.emit("news");
    });
    expect(got).toEqual([[], [args, []], []]);
  });

  it("io.emit: everybody", async () => {
    expect(await hears((event) => app.io.emit(event))).toEqual([0, 1, 2]);
  });

  it("socket.broadcast.emit: everybody but the sender", async () => {
    expect(await hears((event) => sockets[0]?.broadcast.emit(event))).toEqual([1, 2]);
  });

  it("of(...).emit: the clients of that namespace", async () => {
    const orders = app.io.of("/orders");
    const inOrders = await app.client({ namespace: "/orders" });
    expect(await hearers(orders, [inOrders], (event) => orders.emit(event))).toEqual([0]);
    expect(await hears((event) => orders.emit(event))).toEqual([]);
  });

  it("send and write: the event `message`", async () => {
    const got = clients.map((client) => collect(client, "message"));
    await heard(app.io, clients, "news", () => {
      app.io.send("all");
      app.io.of("/").write("all", "again");
      sockets[2]?.send("one");
      sockets[2]?.write("one", 2);
    });
    const all = [["all"], ["all", "again"]];
    expect(got).toEqual([all, all, [...all, ["one"], ["one", 2]]]);
  });

  it("keeps the order of events with and without attachments", async () => {
    const values = Array.from({ length: 50 }, (_, place) => (place % 3 === 0 ? Buffer.from([place]) : place));
    const [got] = await heard(app.io, clients, "news", () => {
      for (const value of values) sockets[0]?.emit("news", value);
    });
    expect(got).toEqual(values.map((value) => [value]));
  });

  it("volatile: sent when the transport takes it, else dropped", async () => {
    const [socket] = sockets;
    if (socket === undefined) throw new Error("no socket");
    const [got] = await heard(app.io, clients, "news", () =>
      whenWritable(socket, () => {
        socket.volatile.emit("news", "taken");
        socket.volatile.emit("news", "dropped, since the one before is on its way");
        socket.emit("news", "kept");
      }),
    );
    expect(got).toEqual([["taken"], ["kept"]]);
  });

  it("io.volatile and broadcast.volatile: for several", async () => {
    const sent = next(clients[1] as ClientSocket, "news");
    await whenWritable(sockets[1] as Socket, () => app.io.volatile.to(String(clients[1]?.id)).emit("news", 1));
    expect(await sent).toEqual([1]);
    const broadcast = next(clients[1] as ClientSocket, "news");
    await whenWritable(sockets[1] as Socket, () => sockets[0]?.broadcast.volatile.emit("news", 2));
    expect(await broadcast).toEqual([2]);
  });

  it("compress: as each packet asks", async () => {
    const asked: (boolean | undefined)[] = [];
    sockets[0]?.conn.on("packetCreate", ({ data, options }) => {
      if (String(data).includes('"news"')) asked.push(options?.compress);
    });
    const text = "x".repeat(2_000);
    const [got] = await heard(app.io, clients, "news", () => {
      sockets[0]?.compress(true).emit("news", text);
      sockets[0]?.compress(false).emit("news", text);
    });
    expect(got).toEqual([[text], [text]]);
    expect(asked).toEqual([true, false]);
    expect(await hears((event) => app.io.compress(false).emit(event, text))).toEqual([0, 1, 2]);
  });

  it("local: the clients of this server", async () => {
    expect(await hears((event) => app.io.local.emit(event))).toEqual([0, 1, 2]);
    expect(await hears((event) => sockets[0]?.broadcast.local.emit(event))).toEqual([1, 2]);
  });

  it("timeout(...).emit: an answer in time, or an error", async () => {
    clients[0]?.on("question", (callback: (answer: number) => void) => callback(42));
    const ask = (socket: Socket | undefined, timeoutMs: number): Promise<unknown[]> =>
      new Promise((resolve) => socket?.timeout(timeoutMs).emit("question", (...args: unknown[]) => resolve(args)));
    expect(await ask(sockets[0], 30_000)).toEqual([null, 42]);
    const [error] = await ask(sockets[1], 1);
    expect(error).toMatchObject({ message: "operation has timed out" });
  });

  it("refuses its reserved names, and goes on", () => {
    expect(() => sockets[0]?.emit("connect")).toThrow('"connect" is a reserved event name');
    expect(() => app.io.emit("disconnect")).toThrow('"disconnect" is a reserved event name');
  });
});
