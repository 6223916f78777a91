import type { Engine, EngineEvents } from "../../../packages/server/src/engine.js";
import { createLevelEngine } from "../../../packages/server/src/engines/level/level-engine.js";
import { type PeekedMessage, readPeeked } from "../../../packages/server/src/read-message.js";
import type { MessageLife, Promises } from "./promises.js";

const NAMESPACE = "/";
const PAGE = 1_000;
/** How far the clocks of two processes may be apart. */
const SLACK_MS = 2;

const ignore = (): void => {};
/** Nobody consumes. */
export const NO_EVENTS = new Proxy({} as EngineEvents, { get: () => ignore });

/** The moment of a crash. */
export interface CrashMoment {
  /** Everything before this line of the log had happened. */
  readonly line: number;
  readonly atMs: number;
}

/** A message where it was found. */
interface Found {
  readonly queue: string;
  readonly message: PeekedMessage;
}

/** Opens the store of a crash with the real engine; gives what is wrong with what it has, each a line. */
export async function judgeImage(directory: string, queues: readonly string[], promises: Promises, moment: CrashMoment): Promise<string[]> {
  const engine = createLevelEngine({ directory });
  try {
    await engine.open(NO_EVENTS);
  } catch (error) {
    return [`the store does not open: ${error instanceof Error ? error.message : String(error)}`];
  }
  try {
    const found = new Map<string, Found[]>();
    const wrong: string[] = [];
    for (const queue of queues) wrong.push(...(await lookAt(engine, queue, found)));
    for (const places of found.values()) wrong.push(...judgePlaces(places, promises, moment));
    for (const life of promises.lives.values())
      if (life.sentLine < moment.line && !found.has(life.id) && !mayBeGone(life, moment))
        wrong.push(`lost: ${life.queue} ${life.id} was confirmed in line ${life.sentLine}, and is gone`);
    return wrong;
  } catch (error) {
    return [`unreadable: ${error instanceof Error ? error.message : String(error)}`];
  } finally {
    await engine.close();
  }
}

/** Reads a queue; its counts must be those of what it has. C1. */
async function lookAt(engine: Engine, queue: string, found: Map<string, Found[]>): Promise<string[]> {
  const address = { namespace: NAMESPACE, queue };
  if (engine.options(address) === undefined) return [];
  let count = 0;
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page: Awaited<ReturnType<Engine["peek"]>> = await engine.peek(address, after, PAGE);
    for (const peeked of page.items) {
      const message = readPeeked(peeked).item;
      const places = found.get(message.id) ?? [];
      places.push({ queue, message });
      found.set(message.id, places);
      count++;
    }
    after = page.next;
  }
  const { published, redriven, ready, inFlight, delayed, parked, dead, acked, expired, purged } = await engine.stats(address);
  const stored = ready + inFlight + delayed + parked;
  const wrong: string[] = [];
  if (stored !== count) wrong.push(`counts: ${queue} counts ${stored} messages, and has ${count}`);
  if (published + redriven !== stored + dead + acked + expired + purged)
    wrong.push(`counts: ${queue} published ${published} + redriven ${redriven}, which is not what it has and had`);
  return wrong;
}

const mayBeGone = ({ ackMs }: MessageLife, { atMs }: CrashMoment): boolean => ackMs <= atMs + SLACK_MS;

function judgePlaces(places: readonly Found[], { lives }: Promises, { line, atMs }: CrashMoment): string[] {
  const [first, second] = places;
  if (first === undefined) return [];
  const { queue, message } = first;
  const name = `${queue} ${message.id}`;
  if (second !== undefined) return [`two places: ${name} is also in ${second.queue}`];
  const life = lives.get(message.id);
  if (life === undefined || life.publishedMs > atMs + SLACK_MS) return [`unexpected: ${name} was not published`];
  const wrong: string[] = [];
  const dead = queue !== life.queue;
  if (message.body !== life.body || message.key !== life.key) wrong.push(`altered: ${name} is not what was published`);
  if (!dead && life.sequence !== undefined && life.sequence !== message.sequence)
    wrong.push(`moved: ${name} has sequence ${message.sequence}, and was told to have ${life.sequence}`);
  if (life.ackedLine < line) wrong.push(`again: ${name} was acknowledged for good in line ${life.ackedLine}, and is there`);
  if (!dead && life.rejectedLine < line) wrong.push(`again: ${name} was rejected for good in line ${life.rejectedLine}, and is there`);
  if (dead && life.rejectMs > atMs + SLACK_MS) wrong.push(`poison: ${name} is dead, and was not rejected`);
  return wrong;
}
