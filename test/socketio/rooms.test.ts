import type { Socket } from "socket.io";
import type { Socket as ClientSocket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Application } from "./application.js";
import { hearers } from "./hearing.js";

let app: Application;
let clients: ClientSocket[];
let sockets: Socket[];
let ids: string[];

/** Five clients: 0 in `red`, 1 in `red` and `blue`, 2 in `blue`, 3 in `green`, 4 in none. */
beforeEach(async () => {
  app = await Application.open();
  clients = await app.clients(5);
  sockets = clients.map((client) => app.socketOf(client));
  ids = sockets.map(({ id }) => id);
  await sockets[0]?.join("red");
  await sockets[1]?.join(["red", "blue"]);
  await sockets[2]?.join("blue");
  await sockets[3]?.join("green");
});

afterEach(() => app.close());

const hears = (act: (event: string) => unknown): Promise<number[]> => hearers(app.io, clients, act);
const id = (place: number): string => ids[place] ?? "";

describe("to, in, except", () => {
  it("to(room): its members", async () => {
    expect(await hears((event) => app.io.to("red").emit(event))).toEqual([0, 1]);
    expect(await hears((event) => app.io.in("green").emit(event))).toEqual([3]);
    expect(await hears((event) => app.io.of("/").to("blue").emit(event))).toEqual([1, 2]);
    expect(await hears((event) => app.io.to("nobody").emit(event))).toEqual([]);
  });

  it("several rooms, chained or as an array: each member once", async () => {
    expect(await hears((event) => app.io.to("red").to("blue").emit(event))).toEqual([0, 1, 2]);
    expect(await hears((event) => app.io.to(["red", "green"]).in("blue").emit(event))).toEqual([0, 1, 2, 3]);
  });

  it("except, chained or as an array", async () => {
    expect(await hears((event) => app.io.except("red").emit(event))).toEqual([2, 3, 4]);
    expect(await hears((event) => app.io.to("red").except("blue").emit(event))).toEqual([0]);
    expect(await hears((event) => app.io.except(["red", "blue"]).except("green").emit(event))).toEqual([4]);
    expect(await hears((event) => app.io.to("red").except("red").emit(event))).toEqual([]);
  });

  it("the id of a socket is its room", async () => {
    expect(await hears((event) => app.io.to(id(4)).emit(event))).toEqual([4]);
    expect(await hears((event) => sockets[0]?.to(id(2)).emit(event))).toEqual([2]);
    expect(
      await hears((event) =>
        app.io
          .to([id(0), "green"])
          .except(id(3))
          .emit(event),
      ),
    ).toEqual([0]);
    expect(await hears((event) => app.io.except(id(0)).emit(event))).toEqual([1, 2, 3, 4]);
  });

  it("from a socket: never itself", async () => {
    expect(await hears((event) => sockets[0]?.to("red").emit(event))).toEqual([1]);
    expect(await hears((event) => sockets[1]?.in(["red", "blue"]).emit(event))).toEqual([0, 2]);
    expect(await hears((event) => sockets[4]?.to("red").to("green").except("blue").emit(event))).toEqual([0, 3]);
    expect(await hears((event) => sockets[1]?.except("red").emit(event))).toEqual([2, 3, 4]);
    expect(await hears((event) => sockets[0]?.broadcast.to("red").emit(event))).toEqual([1]);
    expect(await hears((event) => sockets[0]?.to(id(0)).emit(event))).toEqual([]);
  });
});

describe("members of rooms", () => {
  it("join and leave take effect at once, and name no room of Holdfast's", async () => {
    const socket = sockets[4] as Socket;
    expect(socket.rooms).toEqual(new Set([socket.id]));
    await socket.join("red");
    expect(socket.rooms).toEqual(new Set([socket.id, "red"]));
    expect(await hears((event) => app.io.to("red").emit(event))).toEqual([0, 1, 4]);
    await socket.leave("red");
    expect(await hears((event) => app.io.to("red").emit(event))).toEqual([0, 1]);
    expect([...app.io.of("/").adapter.rooms.keys()].sort()).toEqual([...ids, "red", "blue", "green"].sort());
  });

  it("`disconnecting` still sees the rooms, `disconnect` does not", async () => {
    const socket = sockets[1] as Socket;
    const during = new Promise((resolve) => socket.on("disconnecting", () => resolve([...socket.rooms])));
    const after = new Promise((resolve) => socket.on("disconnect", () => resolve([...socket.rooms])));
    clients[1]?.disconnect();
    expect(await during).toEqual([id(1), "red", "blue"]);
    expect(await after).toEqual([]);
  });

  it("the adapter tells of rooms", async () => {
    const told: unknown[][] = [];
    const { adapter } = app.io.of("/");
    for (const event of ["create-room", "join-room", "leave-room", "delete-room"]) {
      adapter.on(event, (...args: unknown[]) => told.push([event, ...args]));
    }
    await sockets[0]?.join("new");
    await sockets[0]?.leave("new");
    expect(told).toEqual([
      ["create-room", "new"],
      ["join-room", "new", id(0)],
      ["leave-room", "new", id(0)],
      ["delete-room", "new"],
    ]);
    expect(adapter.sids.get(id(0))).toEqual(new Set([id(0), "red"]));
    expect(await adapter.sockets(new Set(["red"]))).toEqual(new Set([id(0), id(1)]));
  });
});
