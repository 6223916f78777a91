import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server } from "socket.io";
import { io, type Socket } from "socket.io-client";
import { afterEach, beforeEach, expect, it } from "vitest";
import { relayTyping } from "./typing-relay.js";

let server: Server;
let url: string;
const clients: Socket[] = [];

beforeEach(async () => {
  const http = createServer();
  server = new Server(http);
  relayTyping(server.of("/"));
  // Answers once everything that this socket sent before has been handled.
  server.on("connection", (socket) => socket.on("sync", (done: () => void) => done()));
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  await server.close();
});

/** A page with a room open, and what it heard. */
async function page(auth: object, room: unknown): Promise<{ socket: Socket; heard: unknown[] }> {
  const socket = io(url, { auth, transports: ["websocket"], forceNew: true });
  clients.push(socket);
  const heard: unknown[] = [];
  socket.on("chat:typing", (notice) => heard.push(notice));
  socket.emit("chat:open", room);
  await socket.emitWithAck("sync");
  return { socket, heard };
}

it("tells the others who have the room open, under the name that the server knows, and not too often", async () => {
  const [ann, bob, cid] = [
    await page({ user: "ann" }, "kitchen"),
    await page({ user: "bob" }, "kitchen"),
    await page({ user: "cid" }, "bar"),
  ];
  for (let n = 0; n < 5; n++) ann.socket.emit("chat:typing", { user: "bob", room: "bar" });
  await ann.socket.emitWithAck("sync");
  for (const { socket } of [bob, cid]) await socket.emitWithAck("sync");
  expect(bob.heard).toEqual([{ room: "kitchen", user: "ann" }]);
  expect([...ann.heard, ...cid.heard]).toEqual([]);
});

it("follows a page from room to room, and takes no room or user that could be none", async () => {
  const bob = await page({ user: "bob" }, "kitchen");
  const strange = [await page({ user: "x".repeat(257) }, "kitchen"), await page({}, "kitchen"), await page({ user: "dan" }, "kit chen")];
  for (const { socket } of strange) socket.emit("chat:typing");
  const ann = await page({ user: "ann" }, "bar");
  ann.socket.emit("chat:open", { room: "kitchen" });
  ann.socket.emit("chat:typing");
  ann.socket.emit("chat:open", "kitchen");
  ann.socket.emit("chat:typing");
  for (const { socket } of [...strange, ann, bob]) await socket.emitWithAck("sync");
  expect(bob.heard).toEqual([{ room: "kitchen", user: "ann" }]);
});
