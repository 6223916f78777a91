import type { Engine, EngineEvents } from "../../../packages/server/src/engine.js";
import { createLevelEngine } from "../../../packages/server/src/engines/level/level-engine.js";
import { type PeekedMessage, readPeeked } from "../../../packages/server/src/read-message.js";
import { type CrashMoment, NAMESPACE, PAGE, SLACK_MS } from "./crash-moment.js";
import { judgeRooms } from "./judge-rooms.js";
import type { MessageLife, Promises } from "./promises.js";

const ignore = (): void => {};
/** Nobody consumes. */
export const NO_EVENTS = new Proxy({} as EngineEvents, { get: () => ignore });

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
      if (life.sentLine < moment.line && !found.has(life.id) && !mayBeGone(life, promises, moment))
        wrong.push(`lost: ${life.queue} ${life.id} was confirmed in line ${life.sentLine}, and is gone`);
    wrong.push(...(await judgeRooms(engine, promises.rooms, moment)));
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

/** It was acknowledged, or its queue was purged once it was published. */
function mayBeGone({ ackMs, publishedMs, queue }: MessageLife, { purges }: Promises, { atMs }: CrashMoment): boolean {
  const until = atMs + SLACK_MS;
  return ackMs <= until || purges.some((purge) => purge.queue === queue && purge.sentMs <= until && purge.doneMs >= publishedMs - SLACK_MS);
}

function judgePlaces(places: readonly Found[], promises: Promises, { line, atMs }: CrashMoment): string[] {
  const [first, second] = places;
  if (first === undefined) return [];
  const { queue, message } = first;
  const name = `${queue} ${message.id}`;
  if (second !== undefined) return [`two places: ${name} is also in ${second.queue}`];
  const life = promises.lives.get(message.id);
  if (life === undefined || life.publishedMs > atMs + SLACK_MS) return [`unexpected: ${name} was not published`];
  const wrong: string[] = [];
  const dead = queue !== life.queue;
  const { mayBeRedriven, isRedriven } = redrivesOf(life, promises, atMs);
  if (message.body !== life.body || message.key !== life.key) wrong.push(`altered: ${name} is not what was published`);
  if (!dead && !mayBeRedriven && life.sequence !== undefined && life.sequence !== message.sequence && !isDue(life))
    wrong.push(`moved: ${name} has sequence ${message.sequence}, and was told to have ${life.sequence}`);
  if (life.ackedLine < line) wrong.push(`again: ${name} was acknowledged for good in line ${life.ackedLine}, and is there`);
  if (!dead && !mayBeRedriven && life.rejectedLine < line)
    wrong.push(`again: ${name} was rejected for good in line ${life.rejectedLine}, and is there`);
  if (dead && life.rejectMs > atMs + SLACK_MS) wrong.push(`poison: ${name} is dead, and was not rejected`);
  if (dead && isRedriven) wrong.push(`left: ${name} was redriven, and is dead`);
  if (isPurged(life, promises, atMs)) wrong.push(`again: ${name} was purged, and is there`);
  if (life.delayMs > 0 && !isDue(life) && message.state !== "delayed") wrong.push(`early: ${name} is ${message.state} before it is due`);
  return wrong;
}

/** Whether a redrive may have reached the message after it was rejected; and whether one surely did, and it was not rejected since. */
function redrivesOf(
  life: MessageLife,
  { redrives }: Promises,
  atMs: number,
): { readonly mayBeRedriven: boolean; readonly isRedriven: boolean } {
  const ofQueue = redrives.filter(({ queue, sentMs }) => queue === life.queue && sentMs <= atMs + SLACK_MS);
  return {
    mayBeRedriven: ofQueue.some(({ doneMs }) => doneMs >= life.rejectMs),
    isRedriven: ofQueue.some(({ sentMs, doneMs }) => sentMs > life.lastRejectedMs && doneMs + SLACK_MS < atMs),
  };
}

/** Whether a purge was sent once it had its receipt, and answered. */
const isPurged = (life: MessageLife, { purges }: Promises, atMs: number): boolean =>
  purges.some(({ queue, sentMs, doneMs }) => queue === life.queue && sentMs > life.receiptMs && doneMs + SLACK_MS < atMs);

/** Whether its delay is over by the clock of whoever opened the store: it may have a new place then. */
const isDue = ({ publishedMs, delayMs }: MessageLife): boolean => delayMs > 0 && publishedMs + delayMs <= Date.now() + SLACK_MS;
