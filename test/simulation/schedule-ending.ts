import type { StoredEngine } from "../../packages/server/src/engines/stored-engine.js";
import { readRecord } from "./messages.js";
import type { Chime, Chimes } from "./schedule-history.js";
import type { World } from "./world.js";

const PAGE = 1_000;

/** Writes down what schedules published, and ends them: time that passes after this is nobody's. */
export async function lookAtSchedules(world: World, engine: StoredEngine): Promise<void> {
  for (const queue of world.timekeeper.queues) {
    const address = world.address(queue);
    if (engine.options(address) === undefined) continue;
    const look = async (): Promise<Chimes["listed"]> => {
      const { items } = await world.time.until("a look at a schedule", engine.schedules(address, undefined, 1));
      return items.map(({ published, skipped, next }) => ({ published, skipped, next }))[0];
    };
    let listed = await look();
    let chimes = await chimesOf(world, engine, queue);
    // Both of one moment: it may publish in between.
    for (let again = await look(); again?.published !== listed?.published; again = await look()) {
      listed = again;
      chimes = await chimesOf(world, engine, queue);
    }
    const seen: Omit<Chimes, "index" | "at"> = { type: "chimes", queue, chimes, ...(listed === undefined ? {} : { listed }) };
    world.record(seen);
    if (listed !== undefined) await world.time.until("the end of a schedule", engine.unschedule(address, queue));
  }
}

async function chimesOf(world: World, engine: StoredEngine, queue: string): Promise<Chime[]> {
  const chimes: Chime[] = [];
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page: Awaited<ReturnType<StoredEngine["peek"]>> = await world.time.until(
      "a look at a schedule's queue",
      engine.peek(world.address(queue), after, PAGE),
    );
    for (const { record, sequence, publishedAt } of page.items) {
      const { id, body } = readRecord(record, 0, record.length);
      chimes.push({ schedule: body.split("*")[0] ?? body, time: Date.parse(id.slice(queue.length + 1)), sequence, publishedAt });
    }
    after = page.next;
  }
  return chimes;
}
