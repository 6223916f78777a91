import { tell } from "../failure.js";
import { chooseLimits, chooseRetries, optionsOf } from "../queues.js";
import type { World } from "../world.js";
import type { Operation } from "./operation.js";

/** A queue gets other options while it is used. */
const redefine: Operation = {
  name: "redefine",
  weight: 0.3,
  run(world: World) {
    const { engine } = world.server;
    const queue = world.random.any(world.origins);
    if (engine === undefined || queue === undefined || !world.server.serves) return false;
    const { settings } = queue;
    queue.settings = { ...settings, ...chooseRetries(world.random), ...chooseLimits(settings.poison, world.random) };
    world.record({ type: "define", queue: queue.name, options: queue.settings });
    world.spawn(tell(engine.define(world.address(queue.name), optionsOf(queue.settings))));
    return true;
  },
};

/** Somebody looks at a queue and its counts. */
const look: Operation = {
  name: "look",
  weight: 1,
  run(world: World) {
    const { engine } = world.server;
    const queue = world.random.any(world.queues);
    if (engine === undefined || queue === undefined) return false;
    const address = world.address(queue.name);
    world.spawn(tell(engine.peek(address, world.random.below(50), world.random.between(1, 20))));
    world.spawn(tell(engine.stats(address)));
    return true;
  },
};

/** A queue is made, used, removed and made again. */
const useShed: Operation = {
  name: "use a queue that comes and goes",
  weight: 4,
  run: (world: World) => world.shed.use(),
};

/** A schedule is set, replaced, removed and set again. */
const useSchedule: Operation = {
  name: "use a schedule",
  weight: 2,
  run: (world: World) => world.timekeeper.use(),
};

/** Something is published that waits for its time, or with it. */
const useOven: Operation = {
  name: "publish with delays",
  weight: 8,
  run: (world: World) => world.oven.use(),
};

/** A process dies while messages take their places. */
const raceOven: Operation = {
  name: "crash as something becomes due",
  weight: 0.7,
  run: (world: World) => world.oven.race(),
};

export const queueOperations = [redefine, look, useShed, useSchedule, useOven, raceOven];
