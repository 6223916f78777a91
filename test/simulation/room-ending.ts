import { HoldfastError } from "holdfast-client/protocol";
import type { StoredEngine } from "../../packages/server/src/engines/stored-engine.js";
import type { RoomLedger } from "../../packages/server/src/room-engine.js";
import { engineName } from "./engine-name.js";
import { readRecord } from "./messages.js";
import type { MemberName, Target } from "./room-history.js";
import { DEVICES, USERS } from "./simulated-rooms.js";
import type { World } from "./world.js";

/** Longer than what was sent waits for its settlement. */
const ROUND_US = 45_000_000;
const ROUNDS_MAX = 40;
const PAGE = 1_000;

/** Every device comes and takes what there is for it, until nothing comes any more. */
export async function drainRooms(world: World): Promise<void> {
  const { devices, time } = world;
  for (const device of devices.all) devices.disconnect(device);
  for (const user of USERS) for (const device of DEVICES) devices.connect(user, device);
  for (let round = 0, came = -1; came !== devices.came; round++) {
    if (round === ROUNDS_MAX) throw new Error("devices are sent messages without end, although they settle all of them");
    came = devices.came;
    await time.run(ROUND_US);
  }
  world.record({ type: "rooms-drained" });
}

/** Writes down what rooms and inboxes have, and what their ledgers say. */
export async function lookAtRooms(world: World, engine: StoredEngine): Promise<void> {
  for (const { name } of world.rooms) await lookAt(world, engine, { room: name });
  if (world.booth.surely !== undefined) await lookAt(world, engine, { room: world.booth.surely });
  for (const user of USERS) await lookAt(world, engine, { user });
}

async function lookAt(world: World, engine: StoredEngine, target: Target): Promise<void> {
  const messages: { id: string; sequence: number }[] = [];
  let sequence = 1;
  for (
    let seen = await ledgerOf(world, engine, target, sequence);
    seen !== undefined;
    seen = await ledgerOf(world, engine, target, ++sequence)
  ) {
    if (seen.record === undefined) continue;
    messages.push({ id: readRecord(seen.record, 0, seen.record.length).id, sequence });
    const { delivered, pending, failed, counts } = seen;
    if (counts.delivered !== delivered.length || counts.pending !== pending.length || counts.failed !== failed.length)
      throw new Error(`counts ${JSON.stringify(counts)} of a ledger are not those of its lists`);
    world.record({ type: "ledger", target, sequence, delivered, pending, failed });
  }
  const head = messages[0]?.sequence ?? sequence;
  const scan = { type: "room-scan", target, head, next: sequence, messages } as const;
  if (target.room === undefined) world.record({ ...scan, published: sequence - 1, expired: head - 1, members: [] });
  else world.record({ ...scan, ...(await countsOf(world, engine, target.room)) });
}

async function countsOf(
  world: World,
  engine: StoredEngine,
  room: string,
): Promise<{ published: number; expired: number; head: number; next: number; members: { member: MemberName; since: number }[] }> {
  const address = { namespace: "/", room: engineName(room) };
  const { published, expired, head, next } = await world.time.until("stats of a room", engine.roomStats(address));
  const { items } = await world.time.until("members of a room", engine.members(address, 0, PAGE));
  return { published, expired, head, next, members: items.map(({ member, since }) => ({ member, since })) };
}

const targetInEngine = (target: Target): Target => (target.room === undefined ? target : { room: engineName(target.room) });

/** What became of a message; undefined when there is none of that sequence. */
async function ledgerOf(world: World, engine: StoredEngine, target: Target, sequence: number): Promise<RoomLedger | undefined> {
  try {
    return await world.time.until("a look at a ledger", engine.ledger("/", targetInEngine(target), { sequence }, 0, PAGE));
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}
