import { expect } from "vitest";
import type { Harness } from "../../packages/server/src/engines/conformance/harness.js";
import type { ModelConsumer, ModelMessage, QueueModel } from "./queue-model.js";

export const QUEUE = "orders";
export const DEAD = "orders.dead";

/** Compares everything that can be seen of the engine with the model. */
export async function compare(model: QueueModel, real: Harness): Promise<void> {
  const now = real.clock.now();
  const seen = await real.scan(QUEUE);
  expect(seen.map(({ body }) => body).sort(), "messages in the queue").toEqual([...model.messages.keys()].sort());
  for (const { body, state, attempts, sequence } of seen) {
    const message = model.messages.get(String(body));
    if (message === undefined) throw new Error(`${body} is not in the model`);
    expect(sequence, `sequence of ${body}`).toBe(message.sequence);
    expect(statesOf(message, now), `state of ${body}`).toContain(state);
    expect(attempts, `attempts of ${body}`).toBe(message.attempts + (message.lease === undefined ? 0 : 1));
  }
  const known = real.engine.options(real.address(DEAD)) !== undefined;
  const dead = (known ? await real.scan(DEAD) : []).map(({ body, history }) => {
    const { reason, attempts } = Object(history) as { reason: unknown; attempts: unknown };
    return { name: body, reason, attempts };
  });
  const byName = (a: { name: unknown }, b: { name: unknown }): number => (String(a.name) < String(b.name) ? -1 : 1);
  expect(dead.sort(byName), "dead letters").toEqual([...model.dead].sort(byName));
  const stats = await real.stats(QUEUE);
  expect(stats, "counts").toMatchObject({
    published: model.published,
    acked: model.acked.size,
    dead: model.dead.length,
    inFlight: model.inFlight(),
    consumers: model.consumers.length,
  });
  expect(stats.ready + stats.delayed, "counts of what waits").toBe(model.messages.size - model.inFlight());
  for (const consumer of model.consumers) compareConsumer(consumer, real);
}

function statesOf(message: ModelMessage, now: number): string[] {
  if (message.lease !== undefined) return ["in-flight"];
  if (message.dueMin > now) return ["delayed"];
  return message.dueMax <= now ? ["ready"] : ["ready", "delayed"];
}

function compareConsumer({ number, maxInFlight, held }: ModelConsumer, real: Harness): void {
  expect(real.engine.capacity(number), `capacity of consumer ${number}`).toBe(maxInFlight - held.size);
  expect(real.engine.leasesOf(number), `leases of consumer ${number}`).toEqual([...held.keys()].sort((a, b) => a - b));
}
