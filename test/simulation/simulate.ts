import { end } from "./ending.js";
import { FirstSequences, withFirst } from "./first-sequences.js";
import type { HistoryEvent } from "./history.js";
import { OPERATIONS } from "./operations/index.js";
import type { Operation } from "./operations/operation.js";
import type { Random } from "./random.js";
import { World } from "./world.js";

/** How often an operation without anything to do is replaced by another one. */
const TRIES_MAX = 20;
/** Nobody does anything while no process runs. */
const DOWN_STEP_US = 10_000;

/**
 * Runs the engine under one seed and returns the history. The same seed and number of operations give the same history,
 * byte by byte.
 *
 * @param seed 0 or more, an integer
 * @param operations how many messages are published and settled, and other things done, before the end
 * @throws Error when the engine does what no engine may do: an error of no known kind, or no answer at all
 */
export async function simulate(seed: number, operations: number): Promise<readonly HistoryEvent[]> {
  const world = new World(seed);
  await world.begin();
  const table = chooseWeights(world.random);
  const paceUs = world.random.pick([1_000, 5_000, 30_000]);
  while (world.operations < operations) {
    await world.time.run(pauseUs(world.random, paceUs));
    while (world.server.engine === undefined) await world.time.run(DOWN_STEP_US);
    let tries = 0;
    while (!table.draw(world.random).run(world) && ++tries < TRIES_MAX);
    world.operations++;
  }
  await end(world);
  world.assertNoSurprise();
  const sequences = new FirstSequences(world.log.events);
  return world.log.events.map((event) => withFirst(event, sequences));
}

/** Mostly short, at times none at all, and seldom so long that leases run out. */
function pauseUs(random: Random, paceUs: number): number {
  const drawn = random.next();
  if (drawn < 0.3) return 0;
  if (drawn < 0.98) return random.below(paceUs);
  return random.below(3_000_000);
}

interface Table {
  draw(random: Random): Operation;
}

/** Each run does some things more often than others, and some not at all, so that runs differ. */
function chooseWeights(random: Random): Table {
  const weighted = OPERATIONS.map((operation) => ({ operation, weight: operation.weight * random.pick([0.2, 1, 1, 1, 3]) }));
  const total = weighted.reduce((sum, { weight }) => sum + weight, 0);
  return {
    draw(chance) {
      let left = chance.next() * total;
      for (const { operation, weight } of weighted) {
        left -= weight;
        if (left < 0) return operation;
      }
      return OPERATIONS[0] as Operation;
    },
  };
}
