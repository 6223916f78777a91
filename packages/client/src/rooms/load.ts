import { checkName } from "../check.js";
import { NAME_PATTERN } from "../names.js";
import type { Room } from "../room.js";
import type { ClientRoom } from "./client-room.js";
import type { Rooms } from "./rooms.js";

/** One text, since it is in every page's bundle. */
const METHODS = "join leave on off onGap emit emitWith receipts history members presence watchPresence watchReceipts";

/** A room whose methods are carried out, in the order of the calls, once they are loaded. */
export function roomOf(name: string, rooms: Promise<Rooms>, pattern = NAME_PATTERN): Room {
  checkName("room", name, pattern);
  const room: Record<string, unknown> = { name };
  for (const method of METHODS.split(" ") as (keyof Room & keyof ClientRoom)[])
    room[method] = async (...args: never[]) => (await rooms).call(name, method, args);
  return room as unknown as Room;
}
