import type { World } from "../world.js";
import type { Operation } from "./operation.js";

const HOUR_MS = 3_600_000;

/** Mostly a process is back at once, at times it is away for longer than leases and windows last. */
const downMs = ({ random }: World): number => (random.chance(0.7) ? random.below(50) : random.below(20_000));

/** How far the wall clock is moved while nobody looks. */
function jumpMs({ random }: World): number {
  if (random.chance(0.75)) return 0;
  return random.pick([-HOUR_MS, -5_000, -100, 1_000, 30_000, HOUR_MS]);
}

/** The process is killed, now or within the next moments, so that it hits what is under way. */
const crash: Operation = {
  name: "crash",
  weight: 0.5,
  run(world) {
    const { engine } = world.server;
    if (engine === undefined) return false;
    const [down, jump] = [downMs(world), jumpMs(world)];
    world.time.in(world.random.below(20_000), () => {
      if (world.server.engine === engine) world.server.crash(down, jump);
    });
    return true;
  },
};

const restart: Operation = {
  name: "restart",
  weight: 0.3,
  run(world) {
    if (!world.server.serves) return false;
    world.server.shutdown(downMs(world), jumpMs(world));
    return true;
  },
};

/** The next write fails, after which the engine stops and opens its store again. */
const failWrite: Operation = {
  name: "fail a write",
  weight: 0.15,
  run({ disk, random }) {
    disk.failingWrite = random.pick(["kept", "lost"]);
    return true;
  },
};

const failRead: Operation = {
  name: "fail a read",
  weight: 0.05,
  run({ disk }) {
    disk.failingRead = true;
    return true;
  },
};

/** The disk fills up, or has room again. */
const fillDisk: Operation = {
  name: "fill the disk",
  weight: 0.1,
  run({ disk, time, random }) {
    disk.full = true;
    time.in(random.below(500_000), () => {
      disk.full = false;
    });
    return true;
  },
};

export const failureOperations = [crash, restart, failWrite, failRead, fillDisk];
