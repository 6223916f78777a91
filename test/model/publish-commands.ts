import fc from "fast-check";
import { expect } from "vitest";
import type { Harness } from "../../packages/server/src/engines/conformance/harness.js";
import type { QueueModel } from "./queue-model.js";
import { compare, QUEUE } from "./world.js";

export type Command = fc.AsyncCommand<QueueModel, Harness>;

/** Commands of one kind, and how often they come beside the others. */
export interface Weighted {
  readonly weight: number;
  readonly arbitrary: fc.Arbitrary<Command>;
}

export const PRODUCER = "producer";

/** Names of new messages: told from one another, and the same when a run is replayed. */
const names = (model: QueueModel, count: number): string[] => Array.from({ length: count }, (_, index) => `m${model.published + index}`);

/** New numbers of the producer, after `resent` ones that it does not know to be stored. */
export function nextNumbers(model: QueueModel, count: number, resent: number): { bodies: string[]; firstNumber: number } {
  const again = model.produced.slice(Math.max(0, model.produced.length - resent));
  return {
    bodies: [...again.map(({ name }) => name), ...names(model, count)],
    firstNumber: model.produced.length - again.length + 1,
  };
}

/** The last few numbers stay open, so that they may be sent again. */
export const oldestOpen = ({ produced }: QueueModel): number => Math.max(1, produced.length - 5);

/** Publishes numbers and expects the first receipts for those the model knows. */
export async function produce(model: QueueModel, real: Harness, bodies: readonly string[], firstNumber: number): Promise<void> {
  const fates = await real.produce(QUEUE, { id: PRODUCER, firstNumber, oldestOpen: oldestOpen(model) }, ...bodies);
  for (const [index, fate] of fates.entries()) {
    const known = model.produced[firstNumber - 1 + index];
    const body = bodies[index] ?? "";
    if (known !== undefined) {
      expect(fate, `receipt of number ${firstNumber + index}`).toEqual({ sequence: known.sequence, duplicate: true });
    } else {
      noteProduced(model, body, fate);
    }
  }
}

export function noteProduced(model: QueueModel, name: string, fate: { sequence: number; duplicate: boolean; error?: unknown }): void {
  expect(fate, `receipt of ${name}`).toEqual({ sequence: expect.any(Number), duplicate: false });
  expect(fate.sequence, "sequences rise").toBeGreaterThan(model.lastSequence);
  model.store(name, fate.sequence);
  model.produced.push({ name, sequence: fate.sequence });
}

class Publish implements Command {
  constructor(readonly count: number) {}
  check = (): boolean => true;
  toString = (): string => `publish ${this.count}`;
  async run(model: QueueModel, real: Harness): Promise<void> {
    const bodies = names(model, this.count);
    const fates = await real.publish(QUEUE, ...bodies);
    for (const [index, fate] of fates.entries()) {
      expect(fate).toEqual({ sequence: expect.any(Number), duplicate: false });
      expect(fate.sequence, "sequences rise").toBeGreaterThan(model.lastSequence);
      model.store(bodies[index] ?? "", fate.sequence);
    }
    await compare(model, real);
  }
}

class PublishWithId implements Command {
  constructor(
    readonly id: string,
    readonly variant: number,
  ) {}
  check = (): boolean => true;
  toString = (): string => `publish id ${this.id} variant ${this.variant}`;
  async run(model: QueueModel, real: Harness): Promise<void> {
    const body = `${this.id} variant ${this.variant}`;
    const [fate] = await real.publish(QUEUE, { id: this.id, body });
    const known = model.ids.get(this.id);
    if (fate === undefined) throw new Error("no receipt");
    if (known === undefined) {
      expect(fate).toEqual({ sequence: expect.any(Number), duplicate: false });
      model.store(body, fate.sequence);
      model.ids.set(this.id, { body, sequence: fate.sequence });
    } else if (known.body === body) expect(fate).toEqual({ sequence: known.sequence, duplicate: true });
    else expect(fate).toMatchObject({ error: "ID_CONFLICT" });
    await compare(model, real);
  }
}

class Produce implements Command {
  constructor(
    readonly count: number,
    readonly resent: number,
  ) {}
  check = (): boolean => true;
  toString = (): string => `produce ${this.count} after resending ${this.resent}`;
  async run(model: QueueModel, real: Harness): Promise<void> {
    const { bodies, firstNumber } = nextNumbers(model, this.count, this.resent);
    if (bodies.length > 0) await produce(model, real, bodies, firstNumber);
    await compare(model, real);
  }
}

class ProduceAfterGap implements Command {
  check = (): boolean => true;
  toString = (): string => "produce after a gap";
  async run(model: QueueModel, real: Harness): Promise<void> {
    const next = model.produced.length + 1;
    const publish = real.produce(QUEUE, { id: PRODUCER, firstNumber: next + 1, oldestOpen: oldestOpen(model) }, "too early");
    const code = await publish.then(([fate]) => fate?.error).catch((error: unknown) => String(Object(error).code));
    expect(code, "a number after a gap").toBe("PRODUCER_GAP");
    await compare(model, real);
  }
}

const id = fc.tuple(fc.constantFrom("a", "b", "c"), fc.integer({ min: 0, max: 1 }));
const numbers = fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4 }));

/** Everything a publisher may do. */
export const publishCommands: Weighted[] = [
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 6 }).map((count) => new Publish(count)) },
  { weight: 2, arbitrary: id.map(([name, variant]) => new PublishWithId(name, variant)) },
  { weight: 4, arbitrary: numbers.map(([count, resent]) => new Produce(count, resent)) },
  { weight: 1, arbitrary: fc.constant(new ProduceAfterGap()) },
];
