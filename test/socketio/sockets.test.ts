import type { Socket as ClientSocket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Application } from "./application.js";
import { clusterAdapter } from "./cluster.js";
import { hearers, next } from "./hearing.js";

let here: Application;
let there: Application;
/** 0 and 1 on one server, 2 on the other. */
let clients: ClientSocket[];

beforeEach(async () => {
  const adapter = clusterAdapter();
  here = await Application.open({ adapter });
  there = await Application.open({ adapter });
  for (const { io } of [here, there]) {
    io.on("connection", (socket) => {
      socket.data.place = socket.handshake.auth.place;
      if (socket.data.place !== 0) void socket.join("room");
    });
  }
  clients = [];
  for (const [place, app] of [here, here, there].entries()) clients.push(await app.client({ auth: { place } }));
});

afterEach(async () => {
  await here.close();
  await there.close();
});

const hears = (act: (event: string) => unknown): Promise<number[]> => hearers(here.io, clients, act);
const places = (sockets: readonly { readonly data: { place: number } }[]): number[] => sockets.map(({ data }) => data.place).sort();

describe("sockets of all servers", () => {
  it("fetchSockets: of everybody, of a room, of this server", async () => {
    expect(places(await here.io.fetchSockets())).toEqual([0, 1, 2]);
    expect(places(await here.io.in("room").fetchSockets())).toEqual([1, 2]);
    expect(places(await here.io.except("room").fetchSockets())).toEqual([0]);
    expect(places(await here.io.local.fetchSockets())).toEqual([0, 1]);
    expect(places(await here.socketOf(clients[0] as ClientSocket).broadcast.fetchSockets())).toEqual([1, 2]);
  });

  it("what is fetched: id, rooms, data, handshake, and its own verbs", async () => {
    const [remote] = await here.io.in(String(clients[2]?.id)).fetchSockets();
    expect(remote).toMatchObject({ id: clients[2]?.id, data: { place: 2 }, rooms: new Set([clients[2]?.id, "room"]) });
    expect(remote?.handshake.auth).toEqual({ place: 2 });
    expect(await hears((event) => remote?.emit(event))).toEqual([2]);
    clients[2]?.on("question", (answer: (text: string) => void) => answer("answer"));
    expect(await remote?.timeout(30_000).emitWithAck("question")).toBe("answer");
    remote?.join("other");
    await hears(() => undefined);
    expect(places(await here.io.in("other").fetchSockets())).toEqual([2]);
    remote?.leave("other");
    await hears(() => undefined);
    expect(await here.io.in("other").fetchSockets()).toEqual([]);
    const gone = next(clients[2] as ClientSocket, "disconnect");
    remote?.disconnect();
    expect(await gone).toEqual(["io server disconnect", undefined]);
  });

  it("socketsJoin and socketsLeave", async () => {
    here.io.socketsJoin("all");
    here.io.in("room").socketsJoin(["two", "too"]);
    // A server asks the others first, and does it itself in a later turn: a round trip is later.
    await hears(() => undefined);
    expect(places(await here.io.in("all").fetchSockets())).toEqual([0, 1, 2]);
    expect(await hears((event) => here.io.to("two").emit(event))).toEqual([1, 2]);
    here.io.in("room").socketsLeave("two");
    await hears(() => undefined);
    expect(places(await here.io.in("two").fetchSockets())).toEqual([]);
    expect(places(await here.io.in("too").fetchSockets())).toEqual([1, 2]);
  });

  it("disconnectSockets: of a room, of everybody, with the connection below", async () => {
    const reason = (place: number): Promise<unknown[]> => next(clients[place] as ClientSocket, "disconnect");
    const two = Promise.all([reason(1), reason(2)]);
    here.io.in("room").disconnectSockets();
    expect((await two).map(([why]) => why)).toEqual(["io server disconnect", "io server disconnect"]);
    expect(clients.map(({ connected }) => connected)).toEqual([true, false, false]);
    const closed = new Promise((resolve) => clients[0]?.io.once("close", resolve));
    here.io.disconnectSockets(true);
    expect(await closed).toBe("forced close");
  });

  it("serverSideEmit: to the other servers, with and without answers", async () => {
    const told = new Promise((resolve) => there.io.once("tell", (...args: unknown[]) => resolve(args)));
    here.io.on("tell", () => expect.unreachable("it goes to the others only"));
    here.io.serverSideEmit("tell", 1, "two");
    expect(await told).toEqual([1, "two"]);
    there.io.on("ask", (value: number, answer: (value: number) => void) => answer(value + 1));
    expect(await here.io.serverSideEmitWithAck("ask", 41)).toEqual([42]);
    const answers = new Promise((resolve) => here.io.serverSideEmit("ask", 1, (...args: unknown[]) => resolve(args)));
    expect(await answers).toEqual([null, [2]]);
  });

  it("emits reach the clients of all servers, local ones those of this one", async () => {
    expect(await hears((event) => here.io.emit(event))).toEqual([0, 1, 2]);
    expect(await hears((event) => here.io.to("room").emit(event))).toEqual([1, 2]);
    expect(await hears((event) => here.io.local.emit(event))).toEqual([0, 1]);
    expect(await hears((event) => here.io.local.to("room").emit(event))).toEqual([1]);
    expect(await hears((event) => there.io.except("room").emit(event))).toEqual([0]);
  });

  it("acknowledgements of a broadcast come from all servers", async () => {
    for (const [place, client] of clients.entries()) client.on("place", (answer: (place: number) => void) => answer(place));
    expect([...(await here.io.timeout(30_000).emitWithAck("place"))].sort()).toEqual([0, 1, 2]);
    expect([...(await here.io.timeout(30_000).to("room").emitWithAck("place"))].sort()).toEqual([1, 2]);
  });
});
