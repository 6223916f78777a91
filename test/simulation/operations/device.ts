import type { JoinFrom } from "../../../packages/server/src/room-engine.js";
import type { RoomSettlement, SimulatedDevice } from "../simulated-devices.js";
import { DEVICES, USERS } from "../simulated-rooms.js";
import type { World } from "../world.js";
import type { Operation } from "./operation.js";

const SLOW_SETTLES = 0.1;

/** A device comes; a connection that it has is replaced. */
const connect: Operation = {
  name: "connect a device",
  weight: 3,
  run({ random, rooms, devices }) {
    if (rooms.length === 0) return false;
    devices.connect(random.pick(USERS), random.pick(DEVICES));
    return true;
  },
};

const disconnect: Operation = {
  name: "disconnect a device",
  weight: 2,
  run({ random, devices }) {
    const device = random.any(devices.all);
    if (device === undefined) return false;
    devices.disconnect(device);
    return true;
  },
};

/** A socket is full for a while. */
const fill: Operation = {
  name: "fill a socket",
  weight: 1,
  run({ random, devices }) {
    const device = random.any(devices.all.filter(({ full }) => !full));
    if (device === undefined) return false;
    devices.fill(device, random.chance(0.1) ? random.below(40_000_000) : random.below(1_000_000));
    return true;
  },
};

const join: Operation = {
  name: "join",
  weight: 2,
  run({ random, devices, rooms }) {
    const device = random.any(devices.all);
    const room = random.any(rooms);
    if (device === undefined || room === undefined) return false;
    devices.join(device, room.name, random.pick<JoinFrom>(["new", "earliest", 1 + random.below(40)]));
    return true;
  },
};

function chooseSettlement({ random }: World): RoomSettlement {
  const drawn = random.next();
  if (drawn < 0.8) return { verb: "ack" };
  if (drawn < 0.9) return { verb: "nack" };
  return { verb: "nack", delayMs: random.pick([0, 1, 300, 2_000, 40_000]) };
}

/** A device that has something; the slow ones come seldom, so that messages come to them again. */
function busyDevice({ random, devices }: World): SimulatedDevice | undefined {
  return random.any(devices.all.filter(({ open, slow }) => open.size > 0 && (!slow || random.chance(SLOW_SETTLES))));
}

/** A device settles some of what it has, from the oldest on or from somewhere later. */
const settleHeard: Operation = {
  name: "settle what was heard",
  weight: 25,
  run(world) {
    const device = busyDevice(world);
    if (device === undefined) return false;
    const open = [...device.open.values()];
    const start = world.random.chance(0.7) ? 0 : world.random.below(open.length);
    const messages = open.slice(start, start + (world.random.chance(0.4) ? 1 : world.random.between(1, 20)));
    world.devices.settle(device, messages, chooseSettlement(world));
    return true;
  },
};

/** Messages that nobody can take come to their end: the oldest one is not answered again and again. */
const nackOldest: Operation = {
  name: "nack the oldest",
  weight: 2,
  run(world) {
    const device = busyDevice(world);
    const oldest = device?.open.values().next().value;
    if (device === undefined || oldest === undefined) return false;
    world.devices.settle(device, [oldest], { verb: "nack", delayMs: 0 });
    return true;
  },
};

/** A connection that is over settles. */
const settleOldHeard: Operation = {
  name: "settle on an old connection",
  weight: 1,
  run(world) {
    const old = world.random.any(world.devices.old);
    if (old === undefined) return false;
    world.devices.settle(old.device, [old.message], chooseSettlement(world));
    return true;
  },
};

const settleGaps: Operation = {
  name: "take note of a gap",
  weight: 4,
  run({ random, devices }) {
    const device = random.any(devices.all.filter(({ gaps }) => gaps.length > 0));
    const gap = random.any(device?.gaps ?? []);
    if (device === undefined || gap === undefined) return false;
    devices.settleGap(device, gap);
    return true;
  },
};

export const deviceOperations = [connect, disconnect, fill, join, settleHeard, nackOldest, settleOldHeard, settleGaps];
