import type { Socket } from "socket.io-client";
import type { Host } from "../host.js";
import type { Room } from "../room.js";
import type { Rooms } from "./rooms.js";

/**
 * Loads what rooms need. The socket does not connect meanwhile: a member's messages come right after the connect, and
 * must find somebody who takes them. That code imports nothing but types: what it shared with the rest would be split off
 * from it, and several files are larger than one.
 */
export function loadRooms(host: Host, socket: Socket): Promise<Rooms> {
  const { auth } = socket;
  const rooms = import("./rooms.js").then(({ Rooms }) => new Rooms(host, socket, auth));
  socket.auth = (send) => {
    rooms
      .catch(() => {
        socket.auth = auth;
      })
      .then(() => (typeof socket.auth === "function" ? socket.auth(send) : send(socket.auth)));
  };
  return rooms;
}

const METHODS = [
  "join",
  "leave",
  "on",
  "off",
  "onGap",
  "emit",
  "emitWith",
  "receipts",
  "members",
  "presence",
  "watchPresence",
  "watchReceipts",
] as const;

/** A room whose methods are carried out, in the order of the calls, once they are loaded. */
export function roomOf(name: string, rooms: Promise<Rooms>): Room {
  const room: Record<string, unknown> = { name };
  for (const method of METHODS) room[method] = async (...args: never[]) => (await rooms).call(name, method, args);
  return room as unknown as Room;
}
