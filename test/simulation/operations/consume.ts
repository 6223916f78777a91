import type { Held, Settlement, SimulatedConsumer } from "../simulated-consumers.js";
import type { World } from "../world.js";
import type { Operation } from "./operation.js";

const CONSUMERS_MAX = 4;
const SLOW_SETTLES = 0.1;
const GRACE_US = 5_000_000;

const attach: Operation = {
  name: "attach",
  weight: 3,
  run(world) {
    const { random, queues, consumers } = world;
    const queue = random.any(queues.filter(({ dead }) => !dead || random.chance(0.2)));
    if (queue === undefined) return false;
    if (consumers.all.filter((consumer) => consumer.queue === queue.name).length >= CONSUMERS_MAX) return false;
    world.spawn(consumers.attach(queue.name));
    return true;
  },
};

const detach: Operation = {
  name: "detach",
  weight: 1.5,
  run(world) {
    const consumer = world.random.any(world.consumers.all);
    if (consumer === undefined) return false;
    world.spawn(world.consumers.detach(consumer, world.random.chance(0.6)));
    return true;
  },
};

/** A connection breaks; it is back within the grace, or not. */
const lose: Operation = {
  name: "lose a consumer",
  weight: 1.5,
  run(world) {
    const { random, consumers } = world;
    const consumer = random.any(consumers.all.filter(({ away }) => !away));
    if (consumer === undefined) return false;
    const returns = random.chance(0.6);
    consumers.lose(consumer, random.below(returns ? GRACE_US : 2 * GRACE_US), returns);
    return true;
  },
};

function chooseSettlement({ random }: World): Settlement {
  const drawn = random.next();
  if (drawn < 0.65) return { verb: "ack" };
  if (drawn < 0.75) return { verb: "nack" };
  if (drawn < 0.83) return { verb: "nack", delayMs: random.pick([0, 1, 300, 2_000, 30_000]) };
  if (drawn < 0.87) return { verb: "reject" };
  if (drawn < 0.92) return { verb: "release" };
  return { verb: "extend", leaseMs: random.pick([1_000, 2_000, 20_000]) };
}

/** A consumer that holds something; the slow ones come seldom, so that their leases run out. */
function busyConsumer({ random, consumers }: World): SimulatedConsumer | undefined {
  return random.any(consumers.all.filter(({ held, slow, away }) => held.size > 0 && !away && (!slow || random.chance(SLOW_SETTLES))));
}

const settle: Operation = {
  name: "settle",
  weight: 40,
  run(world) {
    const consumer = busyConsumer(world);
    if (consumer === undefined) return false;
    const held = [...consumer.held.values()];
    const start = world.random.chance(0.7) ? 0 : world.random.below(held.length);
    const settled = held.slice(start, start + (world.random.chance(0.5) ? 1 : world.random.between(1, 20)));
    const settlement = chooseSettlement(world);
    if (settlement.verb !== "extend") for (const one of settled) world.consumers.drop(one);
    world.consumers.settle(consumer, settled, settlement);
    return true;
  },
};

/** Somebody settles what is over: settled before, run out, of a consumer that left, or of an earlier life. */
const settleLate: Operation = {
  name: "settle late",
  weight: 3,
  run(world) {
    const held: Held | undefined = world.random.any(world.consumers.old);
    if (held === undefined) return false;
    world.consumers.settle(held.consumer, [held], chooseSettlement(world));
    return true;
  },
};

/** A consumer settles what another one holds. */
const settleForeign: Operation = {
  name: "settle another's",
  weight: 1,
  run(world) {
    const owner = busyConsumer(world);
    const other = world.random.any(world.consumers.all.filter((consumer) => consumer !== owner));
    const held = owner?.held.values().next().value;
    if (other === undefined || held === undefined) return false;
    world.consumers.settle(other, [held], chooseSettlement(world));
    return true;
  },
};

export const consumeOperations = [attach, detach, lose, settle, settleLate, settleForeign];
