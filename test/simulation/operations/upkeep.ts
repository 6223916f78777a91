import { failureOf, tell } from "../failure.js";
import { readRecord } from "../messages.js";
import type { SimulatedQueue } from "../queues.js";
import { OVEN_QUEUE } from "../simulated-oven.js";
import type { World } from "../world.js";
import type { Operation } from "./operation.js";

const KEYS = ["a", "b", "c"] as const;

/** A queue with dead letters of its own. */
const withDead = ({ random, origins }: World): { name: string; dead: string } | undefined => {
  const queue = random.any(origins.filter(({ settings }) => settings.deadLetter !== false));
  return queue === undefined || queue.settings.deadLetter === false ? undefined : { name: queue.name, dead: queue.settings.deadLetter };
};

/** Sends a purge; `through` is what anybody was told of before, so it is purged surely. */
function sendPurge(world: World, queue: string, purge: () => Promise<number> | undefined): void {
  const call = world.nextCall();
  world.record({ type: "purge", call, queue });
  const through = world.lastKnown(queue);
  const run = async (): Promise<void> => {
    try {
      const count = await purge();
      if (count === undefined) return;
      world.network.answer(() =>
        world.record({ type: "purge-done", call, outcome: "ok", count, through, throughMax: Number.MAX_SAFE_INTEGER }),
      );
    } catch (error) {
      const code = failureOf(error);
      if (code !== undefined) world.record({ type: "purge-done", call, outcome: "fail", code });
    }
  };
  world.network.send(() => world.spawn(run()));
}

const purge: Operation = {
  name: "purge",
  weight: 0.15,
  run(world) {
    const { random, queues, server } = world;
    const queue = random.any(queues.filter(({ dead, name }) => name !== OVEN_QUEUE && (!dead || random.chance(0.3))));
    if (queue === undefined || server.engine === undefined) return false;
    sendPurge(world, queue.name, () => server.engine?.purge(world.address(queue.name)));
    return true;
  },
};

const purgeDead: Operation = {
  name: "purge dead letters",
  weight: 0.2,
  run(world) {
    const queue = withDead(world);
    const { server } = world;
    if (queue === undefined || server.engine === undefined) return false;
    sendPurge(world, queue.dead, () => server.engine?.purgeDeadLetters(world.address(queue.name)));
    return true;
  },
};

/** Deliveries of a queue stop for a while. */
const pause: Operation = {
  name: "pause",
  weight: 0.3,
  run(world) {
    const { random, server, queues } = world;
    const { engine } = server;
    const queue = random.any(queues);
    if (queue === undefined || engine === undefined || !server.serves) return false;
    world.spawn(pauseQueue(world, queue));
    world.time.in(random.below(2_000_000), () => resumeQueue(world, queue));
    return true;
  },
};

async function pauseQueue(world: World, queue: SimulatedQueue): Promise<void> {
  const asked = ++queue.pauses;
  try {
    await world.server.engine?.pause(world.address(queue.name));
    // Meanwhile somebody may have let it go on.
    if (queue.pauses === asked) world.record({ type: "pause", queue: queue.name });
  } catch (error) {
    failureOf(error);
  }
}

/** Lets a queue go on; while no process runs it stays paused. */
function resumeQueue(world: World, queue: SimulatedQueue): void {
  const { engine, serves } = world.server;
  if (engine === undefined || !serves) return;
  queue.pauses++;
  world.record({ type: "resume", queue: queue.name });
  world.spawn(tell(engine.resume(world.address(queue.name))));
}

const resume: Operation = {
  name: "resume",
  weight: 0.3,
  run(world) {
    const queue = world.random.any(world.queues);
    if (queue === undefined || world.server.engine === undefined) return false;
    resumeQueue(world, queue);
    return true;
  },
};

/** Dead letters go back to where they came from, all or some. */
const redrive: Operation = {
  name: "redrive",
  weight: 0.6,
  run(world) {
    const { random, server, deadIds } = world;
    const queue = withDead(world);
    if (queue === undefined || server.engine === undefined) return false;
    const some = [random.any(deadIds), random.any(deadIds), "nobody's"].filter((id) => id !== undefined);
    const ids = random.chance(0.3) ? some : undefined;
    const call = world.nextCall();
    world.record({ type: "redrive", call, queue: queue.name, ...(ids === undefined ? {} : { ids }) });
    const run = async (): Promise<void> => {
      try {
        const count = await server.engine?.redrive(world.address(queue.name), ids);
        if (count !== undefined) world.network.answer(() => world.record({ type: "redrive-done", call, outcome: "ok", count }));
      } catch (error) {
        const code = failureOf(error);
        if (code !== undefined) world.record({ type: "redrive-done", call, outcome: "fail", code });
      }
    };
    world.network.send(() => world.spawn(run()));
    return true;
  },
};

/** Somebody looks at the dead letters. */
const lookAtDead: Operation = {
  name: "look at dead letters",
  weight: 0.5,
  run(world) {
    const queue = withDead(world);
    const { engine } = world.server;
    if (queue === undefined || engine === undefined) return false;
    const look = async (): Promise<void> => {
      const since = world.server.recorded;
      const { items } = await engine.deadLetters(world.address(queue.name), 0, world.random.between(1, 20));
      if (world.server.engine !== engine) return;
      const messages = items.map(({ record, sequence }) => ({ id: readRecord(record, 0, record.length).id, sequence }));
      world.record({ type: "peek", queue: queue.dead, messages, since });
      for (const { id } of messages) world.deadIds.push(id);
    };
    world.spawn(tell(look()));
    return true;
  },
};

/** A key that a poison message holds is let go. */
const unblock: Operation = {
  name: "unblock a key",
  weight: 1,
  run(world) {
    const { random, origins, server } = world;
    const queue = random.any(origins.filter(({ settings }) => settings.poison === "block"));
    if (queue === undefined || server.engine === undefined) return false;
    sendUnblock(world, queue, random.pick(KEYS), random.pick(["skip", "retry"]));
    return true;
  },
};

function sendUnblock(world: World, { name, settings }: SimulatedQueue, key: string, action: "skip" | "retry"): void {
  const call = world.nextCall();
  const ofKey = settings.ordering === "key" ? { key } : {};
  world.record({ type: "key-action", call, queue: name, ...ofKey, action });
  const run = async (): Promise<void> => {
    const { engine } = world.server;
    if (engine === undefined) return;
    try {
      await engine.unblock(world.address(name), ofKey.key ?? "", action);
      world.network.answer(() => world.record({ type: "key-action-done", call, outcome: "ok" }));
    } catch (error) {
      const code = failureOf(error);
      if (code !== undefined) world.record({ type: "key-action-done", call, outcome: "fail", code });
    }
  };
  world.network.send(() => world.spawn(run()));
}

/** Everything is let go that somebody held back. */
export function letGo(world: World): void {
  for (const queue of world.queues) {
    resumeQueue(world, queue);
    if (queue.settings.poison === "block" && world.random.chance(0.7)) for (const key of KEYS) sendUnblock(world, queue, key, "retry");
  }
}

export const upkeepOperations = [purge, purgeDead, pause, resume, redrive, lookAtDead, unblock];
