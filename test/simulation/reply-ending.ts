import { RecordView } from "holdfast-client/protocol";
import type { StoredEngine } from "../../packages/server/src/engines/stored-engine.js";
import { REPLIES } from "./queues.js";
import type { Answer } from "./reply-history.js";
import type { World } from "./world.js";

const PAGE = 1_000;
/** A reply queue that nobody consumed for ten minutes goes; the look at it may be late. */
const IDLE_US = 602_000_000;

/** Somebody waits for answers from here on, so that the reply queue stays. Returns who; undefined when there is none. */
export async function awaitReplies(world: World, engine: StoredEngine): Promise<number | undefined> {
  if (engine.options(world.address(REPLIES)) === undefined) return undefined;
  return world.time.until("an attach to a reply queue", engine.attach(world.address(REPLIES), 1));
}

/** Writes down which answers there are, and whether the queue goes once nobody waits any more. */
export async function lookAtReplies(world: World, engine: StoredEngine, waiting: number | undefined): Promise<void> {
  if (world.asking.length === 0) return;
  const of = world.asking.map(({ name }) => name);
  if (waiting === undefined) {
    world.record({ type: "replies", of, published: undefined, answers: [] });
    return;
  }
  const { published } = await world.time.until("a look at the counts of a reply queue", engine.stats(world.address(REPLIES)));
  world.record({ type: "replies", of, published, answers: await answersOf(world, engine) });
  await world.time.until("a detach from a reply queue", engine.detach(waiting, false));
  await world.time.run(IDLE_US);
  world.record({ type: "replies-gone", gone: engine.options(world.address(REPLIES)) === undefined });
}

async function answersOf(world: World, engine: StoredEngine): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page: Awaited<ReturnType<StoredEngine["peek"]>> = await world.time.until(
      "a look at answers",
      engine.peek(world.address(REPLIES), after, PAGE),
    );
    for (const { record } of page.items) {
      const view = new RecordView(record, 0, record.length);
      const { id, reason } = view.body() as Pick<Answer, "id" | "reason">;
      answers.push({ correlationId: view.correlationId, id, reason });
    }
    after = page.next;
  }
  return answers;
}
