import type { Round } from "./round.js";

/** Rooms of a round with two members, one of whom has two devices. */
export const ROOMS = { rooms: ["hall", "bar"], users: ["eva", "fay"], sender: "gil" } as const;

const DEVICES = [
  { user: "eva", device: "phone" },
  { user: "eva", device: "laptop" },
  { user: "fay", device: "phone" },
] as const;
const VERBS = { ack: 20, nack: 2, none: 1 } as const;

/** Somebody who emits to them, and devices that do all that one can do with a message, now and then on another connection. */
export async function populateRooms(round: Round): Promise<void> {
  const emitter = { ...ROOMS, window: 4, pauseMs: 20, bodyBytesMax: 600 };
  const member = { rooms: ROOMS.rooms, verbs: VERBS, workMsMax: 20 };
  await Promise.all([
    round.client({ name: ROOMS.sender, emitter }),
    ...DEVICES.map((who) => round.client({ name: `${who.user}-${who.device}`, member: { ...who, ...member }, reconnectEveryMs: 1_000 })),
  ]);
}
