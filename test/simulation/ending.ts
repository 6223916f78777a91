import { examine } from "../../packages/server/src/doctor/examine.js";
import type { StoredEngine } from "../../packages/server/src/engines/stored-engine.js";
import type { Counts, ScannedMessage } from "./history.js";
import { readRecord, TTLS_MS } from "./messages.js";
import { letGo } from "./operations/upkeep.js";
import { optionsOf } from "./queues.js";
import { awaitReplies, lookAtReplies } from "./reply-ending.js";
import { drainRooms, lookAtRooms } from "./room-ending.js";
import { lookAtSchedules } from "./schedule-ending.js";
import type { World } from "./world.js";

const SECOND_US = 1_000_000;
const ROUNDS_MAX = 16;
const PAGE = 1_000;

/** Ends a run: everything is healed, the queues are drained, and what they have is written down. */
export async function end(world: World): Promise<void> {
  await examineDisk(world);
  const engine = await heal(world);
  await world.oven.close(engine);
  const waiting = await awaitReplies(world, engine);
  const drained = world.queues.filter(({ dead }) => world.random.chance(dead ? 0.5 : 0.9)).map(({ name }) => name);
  for (const consumer of world.consumers.all)
    await world.time.until("a detach", world.consumers.detach(consumer, world.random.chance(0.5)));
  letGo(world);
  await letFeed(world, engine);
  if (world.rooms.length > 0) await drainRooms(world);
  // What expires goes to the dead letters by itself, also of a queue that is not drained: not after those were.
  await world.time.run((Math.max(...TTLS_MS) / 1_000 + 2) * SECOND_US);
  await lookAtSchedules(world, engine);
  await drain(world, engine, drained);
  for (const consumer of world.consumers.all) await world.time.until("a detach", world.consumers.detach(consumer, false));
  await world.time.run(SECOND_US);
  if (world.rooms.length > 0) await lookAtRooms(world, engine);
  for (const { name } of world.queues) await lookAt(world, engine, name);
  await lookAtReplies(world, engine, waiting);
  if (world.shed.surely !== undefined) await lookAt(world, engine, world.shed.surely);
}

/** What is durable adds up after each commit, so also while there is much of everything. */
async function examineDisk(world: World): Promise<void> {
  const { findings } = await examine(world.disk.durable);
  world.record({ type: "examined", findings: findings.map(({ of, what }) => `${of ?? "the store"}: ${what}`) });
}

/** The queue that rooms feed takes all they have, so that it is over once it is drained. */
async function letFeed(world: World, engine: StoredEngine): Promise<void> {
  const { fed } = world;
  if (fed === undefined) return;
  fed.settings = { ...fed.settings, depthMax: 0, bytesMax: 0 };
  world.record({ type: "define", queue: fed.name, options: fed.settings });
  await world.time.until("a definition", engine.define(world.address(fed.name), optionsOf(fed.settings)));
}

/** No network and no disk fails any more, and a process runs. */
async function heal(world: World): Promise<StoredEngine> {
  world.disk.heal();
  world.network.healed = true;
  world.consumers.healed = true;
  world.devices.healed = true;
  // A crash may be on its way.
  for (let round = 0; round === 0 || !world.server.serves; round++) {
    if (round > 100) throw new Error("the server does not come back, although nothing fails any more");
    await world.time.run(SECOND_US);
  }
  const { engine } = world.server;
  if (engine === undefined) throw new Error("the server serves without an engine");
  return engine;
}

/** Healthy consumers wait until there is nothing left, past every delay; what is left nevertheless shows in the scan. */
async function drain(world: World, engine: StoredEngine, queues: readonly string[]): Promise<void> {
  for (const queue of queues) await world.time.until("an attach", world.consumers.attach(queue));
  for (let round = 0; round < ROUNDS_MAX; round++) {
    await world.time.run(SECOND_US * 2 ** round);
    // A dead letter may make its queue.
    for (const queue of queues) if (!world.consumers.all.some((consumer) => consumer.queue === queue)) await world.consumers.attach(queue);
    if (await isDrained(world, engine, queues)) break;
  }
  for (const queue of queues) world.record({ type: "drained", queue });
}

async function isDrained(world: World, engine: StoredEngine, queues: readonly string[]): Promise<boolean> {
  for (const queue of queues) {
    const counts = await countsOf(world, engine, queue);
    if (counts.ready + counts.inFlight + counts.delayed + counts.parked > 0) return false;
  }
  return true;
}

const NOTHING: Counts = {
  published: 0,
  redriven: 0,
  ready: 0,
  inFlight: 0,
  delayed: 0,
  parked: 0,
  dead: 0,
  acked: 0,
  expired: 0,
  purged: 0,
};

async function countsOf(world: World, engine: StoredEngine, queue: string): Promise<Counts> {
  if (engine.options(world.address(queue)) === undefined) return NOTHING;
  const stats = await world.time.until("a look at the counts", engine.stats(world.address(queue)));
  const { published, redriven, ready, inFlight, delayed, parked, dead, acked, expired, purged } = stats;
  return { published, redriven, ready, inFlight, delayed, parked, dead, acked, expired, purged };
}

async function lookAt(world: World, engine: StoredEngine, queue: string): Promise<void> {
  const messages = await scan(world, engine, queue);
  world.record({ type: "scan", queue, messages });
  world.record({ type: "stats", queue, counts: await countsOf(world, engine, queue) });
}

async function scan(world: World, engine: StoredEngine, queue: string): Promise<ScannedMessage[]> {
  const messages: ScannedMessage[] = [];
  if (engine.options(world.address(queue)) === undefined) return messages;
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page: Awaited<ReturnType<StoredEngine["peek"]>> = await world.time.until(
      "a scan",
      engine.peek(world.address(queue), after, PAGE),
    );
    for (const { record, sequence, state, attempts } of page.items) {
      const { id, key, reason } = readRecord(record, 0, record.length);
      messages.push({ id, sequence, state, attempts, ...(key === undefined ? {} : { key }), ...(reason === undefined ? {} : { reason }) });
    }
    after = page.next;
  }
  return messages;
}
