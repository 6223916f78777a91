import type { Random } from "./random.js";
import type { RoomSettings, Target } from "./room-history.js";

/** A room of a run, with the options that it has now. */
export interface SimulatedRoom {
  readonly name: string;
  settings: RoomSettings;
}

/** The people of a run, and what each of them has. */
export const USERS = ["ann", "bob", "cid"] as const;
export const DEVICES = ["phone", "tablet"] as const;

/** A queue that only rooms put messages into. */
export const FED_QUEUE = "fed";

const NAMES = ["kitchen", "bar", "hall"] as const;
const NO_ROOMS = 0.4;

/** The rooms of a run: none in some, else one to three. */
export function chooseRooms(random: Random): SimulatedRoom[] {
  if (random.chance(NO_ROOMS)) return [];
  return NAMES.slice(0, random.between(1, NAMES.length)).map((name) => ({ name, settings: chooseRoomSettings(random) }));
}

/** Mostly everything is kept, at times so little that devices fall behind. */
export function chooseRoomSettings(random: Random): RoomSettings {
  return {
    maxAgeMs: random.pick([0, 0, 0, 3_000, 60_000]),
    maxMessages: random.pick([0, 0, 0, 3, 20]),
    maxBytes: random.pick([0, 0, 0, 0, 3_000]),
    poison: random.pick(["dead-letter", "dead-letter", "block"]),
  };
}

/** What the engine takes of a room's settings. */
export const roomOptionsOf = ({ maxAgeMs, maxMessages, maxBytes, poison }: RoomSettings) => ({
  retention: { maxAgeMs, maxMessages, maxBytes },
  poison,
});

/** Where something is emitted to: mostly to one room or user, else to several, none twice. */
export function chooseTargets(rooms: readonly SimulatedRoom[], random: Random): readonly Target[] {
  const all: Target[] = [...rooms.map(({ name }) => ({ room: name })), { user: random.pick(USERS) }];
  const count = random.chance(0.6) ? 1 : random.between(2, all.length);
  const targets: Target[] = [];
  for (let left = count; left > 0; left--) {
    const [target] = all.splice(random.below(random.chance(0.8) ? Math.max(1, all.length - 1) : all.length), 1);
    if (target !== undefined) targets.push(target);
  }
  return targets;
}

/** Who is excepted: mostly nobody. */
export function chooseExcept(rooms: readonly SimulatedRoom[], random: Random): readonly Target[] {
  if (random.chance(0.7)) return [];
  const room = random.any(rooms);
  const except: Target[] = room === undefined || random.chance(0.5) ? [] : [{ room: room.name }];
  if (except.length === 0 || random.chance(0.5)) except.push({ user: random.pick(USERS) });
  return except;
}
