import fc from "fast-check";
import { expect } from "vitest";
import type { Harness } from "../../packages/server/src/engines/conformance/harness.js";
import type { Fate } from "../../packages/server/src/engines/conformance/messages.js";
import { type Command, listed, type Weighted } from "./command.js";
import type { QueueModel } from "./queue-model.js";
import { compare, QUEUE } from "./world.js";

const PRODUCER = "producer";
/** The last few numbers stay open, so that they may be sent again. */
const OPEN_MAX = 5;

export interface Draft {
  readonly body: string;
  readonly key: string;
}

/** New messages: told from one another, and named the same when a run is replayed. */
const drafts = (model: QueueModel, keys: readonly string[]): Draft[] => keys.map((key) => ({ body: `m${++model.named}`, key }));

/** Takes over what became of messages, one after the other, where the limits let it. */
function noteFates(model: QueueModel, messages: readonly Draft[], fates: readonly Fate[]): void {
  const told = messages.map(({ body, key }, index) => {
    const fate = fates[index];
    if (fate === undefined) throw new Error(`${body} has no receipt`);
    if (fate.error !== undefined) {
      expect(fate.error, `refusal of ${body}`).toBe("QUEUE_FULL");
      if (!model.mayBeReading) expect(model.canTake(), `room for ${body}, which was refused`).toBe(false);
      return `${body} is refused, ${fate.error}`;
    }
    expect(fate, `receipt of ${body}`).toEqual({ sequence: expect.any(Number), duplicate: false });
    expect(model.canTake(), `room for ${body}, which was stored`).toBe(true);
    model.makeRoom();
    model.store(body, key, fate.sequence);
    return `${body} of ${key} is ${fate.sequence}`;
  });
  model.tell(`published: ${listed(told)}`);
}

class Publish implements Command {
  constructor(readonly keys: readonly string[]) {}
  check = (): boolean => true;
  toString = (): string => `publish of ${this.keys.join(" ")}`;
  async run(model: QueueModel, real: Harness): Promise<void> {
    const messages = drafts(model, this.keys);
    noteFates(model, messages, await real.publish(QUEUE, ...messages));
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
    const now = real.clock.now();
    const message = { body: `${this.id}${this.variant}`, key: this.id };
    const [fate] = await real.publish(QUEUE, { id: this.id, ...message });
    if (fate === undefined) throw new Error("no receipt");
    const known = model.ids.get(this.id);
    if (known === undefined || known.storedAt + model.options.dedupWindowMs <= now) {
      noteFates(model, [message], [fate]);
      if (fate.error === undefined) model.ids.set(this.id, { body: message.body, sequence: fate.sequence, storedAt: now });
    } else if (known.body === message.body) {
      expect(fate, `P4: receipt of ${message.body} again`).toEqual({ sequence: known.sequence, duplicate: true });
      model.tell(`published again: ${message.body} is ${fate.sequence}`);
    } else {
      expect(fate, `P4: ${message.body} with the id of ${known.body}`).toMatchObject({ error: "ID_CONFLICT" });
      model.tell(`published in vain: ${message.body} with the id of ${known.body}`);
    }
    await compare(model, real);
  }
}

/** Numbers of the producer from `firstNumber` on. */
export interface Numbered {
  readonly firstNumber: number;
  readonly messages: readonly Draft[];
}

/** New numbers of the producer, after `resent` ones that it does not know to be stored. */
export function nextNumbers(model: QueueModel, keys: readonly string[], resent = 0): Numbered {
  const again = model.produced.slice(Math.max(0, model.produced.length - resent));
  return {
    firstNumber: model.produced.length - again.length + 1,
    messages: [...again.map(({ name, key }) => ({ body: name, key })), ...drafts(model, keys)],
  };
}

const oldestOpen = ({ produced }: QueueModel): number => Math.max(1, produced.length - OPEN_MAX);

export const send = (model: QueueModel, real: Harness, { firstNumber, messages }: Numbered): Promise<Fate[]> =>
  real.produce(QUEUE, { id: PRODUCER, firstNumber, oldestOpen: oldestOpen(model) }, ...messages);

/** Publishes numbers; those the model knows have to give their first receipts. */
export async function produce(model: QueueModel, real: Harness, numbered: Numbered): Promise<void> {
  const fates = await send(model, real, numbered);
  const again = model.produced.slice(numbered.firstNumber - 1);
  for (const [index, { name, sequence }] of again.entries()) {
    expect(fates[index], `P4: receipt of ${name}, sent again`).toEqual({ sequence, duplicate: true });
  }
  if (again.length > 0) model.tell(`sent again: ${listed(again.map(({ name }) => name))}`);
  noteProduced(model, numbered.messages.slice(again.length), fates.slice(again.length));
}

/** P5: after a number that was refused for now none is stored. */
export function noteProduced(model: QueueModel, messages: readonly Draft[], fates: readonly Fate[]): void {
  const refused = fates.findIndex(({ error }) => error === "QUEUE_FULL");
  const tried = refused === -1 ? fates.length : refused + 1;
  noteFates(model, messages.slice(0, tried), fates.slice(0, tried));
  for (const [index, { body, key }] of messages.entries()) {
    const { sequence = 0, error } = fates[index] ?? {};
    if (index >= tried) expect(error, `P5: ${body}, after a number that was refused`).toBe("PRODUCER_GAP");
    else if (error === undefined) model.produced.push({ name: body, key, sequence });
  }
}

class Produce implements Command {
  constructor(
    readonly keys: readonly string[],
    readonly resent: number,
  ) {}
  check = (): boolean => true;
  toString = (): string => `produce of ${this.keys.join(" ")} after resending ${this.resent}`;
  async run(model: QueueModel, real: Harness): Promise<void> {
    const numbered = nextNumbers(model, this.keys, this.resent);
    if (numbered.messages.length > 0) await produce(model, real, numbered);
    await compare(model, real);
  }
}

class ProduceAfterGap implements Command {
  check = (): boolean => true;
  toString = (): string => "produce after a gap";
  async run(model: QueueModel, real: Harness): Promise<void> {
    const numbered = { firstNumber: model.produced.length + 2, messages: [{ body: "too early", key: "a" }] };
    const code = await send(model, real, numbered).then(
      ([fate]) => fate?.error,
      (error: unknown) => String(Object(error).code),
    );
    expect(code, "P5: a number after a gap").toBe("PRODUCER_GAP");
    model.tell("published in vain: a number after a gap");
    await compare(model, real);
  }
}

const keys = (minLength: number, maxLength: number): fc.Arbitrary<string[]> =>
  fc.array(fc.constantFrom("a", "b", "c"), { minLength, maxLength, size: "max" });
const id = fc.tuple(fc.constantFrom("a", "b", "c"), fc.integer({ min: 0, max: 1 }));

export const someKeys = keys(1, 4);

/** Everything a publisher may do. */
export const publishCommands: Weighted[] = [
  { weight: 8, arbitrary: keys(1, 6).map((of) => new Publish(of)) },
  { weight: 4, arbitrary: id.map(([name, variant]) => new PublishWithId(name, variant)) },
  { weight: 6, arbitrary: fc.tuple(keys(0, 4), fc.integer({ min: 0, max: 4 })).map(([of, resent]) => new Produce(of, resent)) },
  { weight: 1, arbitrary: fc.constant(new ProduceAfterGap()) },
];
