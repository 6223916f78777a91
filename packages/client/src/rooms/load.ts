import type { Room } from "../room.js";
import type { Rooms } from "./rooms.js";

const METHODS = [
  "join",
  "leave",
  "on",
  "off",
  "onGap",
  "emit",
  "emitWith",
  "receipts",
  "history",
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
