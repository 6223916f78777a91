import { expect } from "vitest";
import type { Restart } from "../../packages/server/src/engines/conformance/engine-host.js";
import type { Harness } from "../../packages/server/src/engines/conformance/harness.js";
import { attach, detach, lease } from "./consume-commands.js";
import type { ModelMessage } from "./message.js";
import type { QueueModel } from "./queue-model.js";
import { pause, resume } from "./upkeep-commands.js";
import { DEAD, lettersOf, pastOf, QUEUE } from "./world.js";

/** The messages there are in the queue and the dead letters, by the sequence in the queue, with their attempts. */
export class Whereabouts {
  readonly #attempts = new Map<number, number>();
  readonly #sequences = new Map<string, number>();

  note(name: string, sequence: number, attempts: number): void {
    this.#attempts.set(sequence, attempts);
    this.#sequences.set(name, sequence);
  }

  has(sequence: number): boolean {
    return this.#attempts.has(sequence);
  }

  attemptsOf(message: ModelMessage): number | undefined {
    return this.#attempts.get(message.sequence);
  }

  sequenceOf(name: string): number | undefined {
    return this.#sequences.get(name);
  }
}

/** Looks until it saw everything: what is on its way from one place to the other just then is in neither. */
export async function attemptsOfAll(real: Harness): Promise<Whereabouts> {
  let all = new Whereabouts();
  await real.until("a scan that has everything", async () => {
    all = new Whereabouts();
    const letters = await lettersOf(real);
    const messages = await real.scan(QUEUE);
    for (const letter of letters) all.note(String(letter.body), pastOf(letter).sequence, pastOf(letter).attempts);
    for (const { body, sequence, attempts } of messages) all.note(String(body), sequence, attempts);
    return letters.length === (await countOf(real, DEAD)) && messages.length === (await countOf(real, QUEUE));
  });
  return all;
}

/** How many messages a queue has now; 0 when there is no such queue. */
async function countOf(real: Harness, queue: string): Promise<number> {
  if (real.engine.options(real.address(queue)) === undefined) return 0;
  const { ready, delayed, parked, inFlight } = await real.stats(queue);
  return ready + delayed + parked + inFlight;
}

/**
 * Brings the model into the engine's next life. What was in flight at a crash counts one attempt, and an engine may leave
 * that until a consumer comes; so one does, and goes.
 */
export async function recover(model: QueueModel, real: Harness, way: Restart): Promise<void> {
  expect((await real.stats(QUEUE)).paused, "paused after a restart").toBe(model.paused);
  if (model.options.ordering === "none") await lookAtLog(model, real, way);
  else await lookThroughChains(model, real, way);
}

async function lookAtLog(model: QueueModel, real: Harness, way: Restart): Promise<void> {
  if (way === "reopen") {
    model.close();
    return;
  }
  const inFlight = model.inFlight;
  const visitor = await real.attach(QUEUE, 1);
  await real.until(`an attempt counted for ${inFlight.map(({ name }) => name).join(" ")}`, async () => {
    const all = await attemptsOfAll(real);
    return inFlight.every((message) => all.attemptsOf(message) === message.attempts + 1);
  });
  // A scan may find on disk what the engine does not show yet.
  await real.quiet();
  await real.engine.detach(visitor, false);
  model.crash(real.clock.now());
}

/** An ordered queue is looked through when something is leased from it, which it is not while it is paused. */
async function lookThroughChains(model: QueueModel, real: Harness, way: Restart): Promise<void> {
  const { paused } = model;
  const inFlight = model.inFlight;
  if (way === "reopen") model.close();
  else model.crash(real.clock.now());
  if (paused) await resume(model, real);
  const visitor = await attach(model, real, 1);
  await real.until(`an attempt counted for ${inFlight.map(({ name }) => name).join(" ")}`, async () => {
    await lease(model, real, visitor, 1);
    const all = await attemptsOfAll(real);
    const sure = inFlight.filter(({ unseen }) => unseen === "no");
    return sure.every((message) => all.attemptsOf(message) === message.attempts + (message.state === "in-flight" ? 1 : 0));
  });
  await detach(model, real, visitor, false);
  if (paused) await pause(model, real);
}
