import { expect } from "vitest";
import type { Harness } from "../../packages/server/src/engines/conformance/harness.js";
import type { Seen } from "../../packages/server/src/engines/conformance/messages.js";
import { countsOf } from "./counts.js";
import type { ModelMessage } from "./message.js";
import type { QueueModel } from "./queue-model.js";

export const QUEUE = "orders";
export const DEAD = "orders.dead";

/** The dead letters there are, in the order in which they died. */
export const lettersOf = async (real: Harness): Promise<Seen[]> =>
  real.engine.options(real.address(DEAD)) === undefined ? [] : real.scan(DEAD);

/** What a dead letter tells of the queue it comes from. */
export const pastOf = ({ history }: Seen): { sequence: number; reason: string; attempts: number } => {
  const { sequence, reason, attempts } = Object(history);
  return { sequence, reason, attempts };
};

/** Compares everything that can be seen of the engine with the model. */
export async function compare(model: QueueModel, real: Harness): Promise<void> {
  model.markAhead();
  const seen = await real.scan(QUEUE);
  compareMessages(model, seen, real.clock.now());
  compareDead(model, await lettersOf(real));
  await compareCounts(model, real, seen);
  for (const consumer of model.consumers) {
    const { number, held } = consumer;
    expect(real.engine.capacity(number), `capacity of consumer ${number}`).toBe(model.capacity(consumer));
    expect(real.engine.leasesOf(number), `leases of consumer ${number}`).toEqual([...held.keys()].sort((a, b) => a - b));
  }
}

function compareMessages(model: QueueModel, seen: readonly Seen[], now: number): void {
  const live = model.live;
  const named = (sequence: number, name: unknown, key: unknown): string => `${sequence}: ${name} of ${key}`;
  const expected = live.map(({ sequence, name, key }) => named(sequence, name, key));
  expect(
    seen.map(({ sequence, body, key }) => named(sequence, body, key)),
    "messages in the queue",
  ).toEqual(expected);
  for (const [index, { body, state, attempts }] of seen.entries()) {
    const message = live[index];
    if (message === undefined) continue;
    model.sawAttempts(message, attempts);
    expect(statesOf(model, message, now), `states that ${body} may be in`).toContain(state);
    expect(attempts, `attempts of ${body}`).toBe(message.attempts + (message.state === "in-flight" ? 1 : 0));
  }
}

function statesOf(model: QueueModel, message: ModelMessage, now: number): string[] {
  if (message.state === "in-flight") return ["in-flight"];
  if (!model.isHead(message)) return model.options.ordering === "fifo" ? statesInLine(model, message, now) : ["parked"];
  if (message.state === "blocked") return ["blocked"];
  if (message.dueMin > now) return ["delayed"];
  return message.dueMax <= now ? ["ready"] : ["ready", "delayed"];
}

/** Of a `fifo` queue one may follow the other at once, as far as the first that does not go on. */
function statesInLine(model: QueueModel, message: ModelMessage, now: number): string[] {
  const line = model.in("waiting", "blocked").filter(({ sequence }) => sequence <= message.sequence);
  if (line.every(({ state, dueMax }) => state === "waiting" && dueMax <= now)) return ["ready"];
  return line.some(({ state, dueMin }) => state === "blocked" || dueMin > now) ? ["parked"] : ["parked", "ready"];
}

function compareDead(model: QueueModel, letters: readonly Seen[]): void {
  for (const letter of letters) model.sawDead(pastOf(letter).sequence, pastOf(letter).attempts);
  const expected = model.in("dead").map(({ name, key, sequence, death }) => ({ name, key, sequence, ...death }));
  const found = letters.map((letter) => ({ name: letter.body, key: letter.key, ...pastOf(letter) }));
  expect(
    found.sort((a, b) => a.sequence - b.sequence),
    "dead letters",
  ).toEqual(expected);
}

/** C1: what the engine counts is what the model has, and what a full scan finds. */
async function compareCounts(model: QueueModel, real: Harness, seen: readonly Seen[]): Promise<void> {
  const { ready, delayed, parked, bytes, oldestAgeMs: _, ...counted } = await real.stats(QUEUE);
  expect(counted, "C1: counts").toMatchObject(countsOf(model));
  const scanned = (...states: Seen["state"][]): number => seen.filter(({ state }) => states.includes(state)).length;
  expect({ ready, delayed, parked, bytes }, "C1: counts of what waits, as a scan finds them").toEqual({
    ready: scanned("ready"),
    delayed: scanned("delayed"),
    parked: scanned("parked", "blocked"),
    bytes: seen.reduce((sum, message) => sum + message.bytes, 0),
  });
  const died = model.messages.filter(({ death }) => death !== undefined).length;
  if (died === 0) return;
  const dead = await real.stats(DEAD);
  expect(dead, "C1: counts of the dead letters").toMatchObject({
    published: died,
    ready: model.in("dead").length,
    acked: model.in("redriven").filter(({ death }) => death !== undefined).length,
    purged: model.in("discarded").length,
  });
}
