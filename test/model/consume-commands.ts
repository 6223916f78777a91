import fc from "fast-check";
import { expect } from "vitest";
import type { Harness } from "../../packages/server/src/engines/conformance/harness.js";
import { type Command, listed, pick, type Weighted } from "./command.js";
import { type ModelConsumer, newConsumer } from "./consumer.js";
import type { ModelMessage } from "./message.js";
import type { QueueModel } from "./queue-model.js";
import { compare, QUEUE } from "./world.js";

class Attach implements Command {
  constructor(readonly maxInFlight: number) {}
  check = ({ consumers }: QueueModel): boolean => consumers.length < 4;
  toString = (): string => `attach up to ${this.maxInFlight}`;
  async run(model: QueueModel, real: Harness): Promise<void> {
    await attach(model, real, this.maxInFlight);
    await compare(model, real);
  }
}

/** Adds a consumer to the engine and to the model. */
export async function attach(model: QueueModel, real: Harness, maxInFlight: number): Promise<ModelConsumer> {
  const consumer = newConsumer(await real.attach(QUEUE, maxInFlight), maxInFlight);
  model.consumers.push(consumer);
  model.tell(`consumer ${consumer.number} is attached, up to ${maxInFlight}`);
  return consumer;
}

class Lease implements Command {
  constructor(
    readonly choice: number,
    readonly count: number,
  ) {}
  check = ({ consumers }: QueueModel): boolean => consumers.length > 0;
  toString = (): string => `consumer ${this.choice} of those with room leases ${this.count}`;
  async run(model: QueueModel, real: Harness): Promise<void> {
    const open = model.consumers.filter((consumer) => model.capacity(consumer) > 0);
    const consumer = pick(open.length > 0 ? open : model.consumers, this.choice);
    if (consumer === undefined) return;
    await lease(model, real, consumer, this.count);
    await compare(model, real);
  }
}

/** Leases what is to be had, up to `count`: exactly that, though one call may come back short while the engine reads. */
export async function lease(model: QueueModel, real: Harness, consumer: ModelConsumer, count: number): Promise<void> {
  const now = real.clock.now();
  const wanted = Math.min(count, model.capacity(consumer));
  const sure = Math.min(wanted, model.leasableCount(now));
  const told: string[] = [];
  await real.until(`${sure} deliveries`, async () => {
    const asked = Math.min(count - told.length, model.capacity(consumer));
    const deliveries = await real.lease(consumer.number, count - told.length);
    consumer.unmet = model.paused ? 0 : asked - deliveries.length;
    for (const delivery of deliveries) told.push(noteDelivery(model, consumer, delivery, now));
    model.markAhead();
    return told.length >= sure;
  });
  expect(told.length, "deliveries").toBeLessThanOrEqual(wanted);
  // What it came to while it looked for more, and has to count, is on its way.
  if (told.length < wanted) await real.quiet();
  model.tell(`consumer ${consumer.number} leases ${listed(told)}`);
}

type Delivery = Awaited<ReturnType<Harness["lease"]>>[number];

function noteDelivery(model: QueueModel, consumer: ModelConsumer, delivery: Delivery, now: number): string {
  const { body, attempt, lease, leaseUntil, sequence } = delivery;
  const message = model.leasable(now).find((one) => one.sequence === sequence);
  if (message === undefined) throw new Error(`${body}, ${sequence}, was delivered and was not to be had`);
  model.sawAttempts(message, attempt - 1);
  expect(message.unseen, `L4: whether ${body} counts its delivery at the crash`).not.toBe("must");
  const expected = { body: message.name, attempt: message.attempts + 1, leaseUntil: now + model.options.leaseMs };
  expect({ body, attempt, leaseUntil }, `delivery of ${body}`).toEqual(expected);
  expect(lease, `L1: the token of ${body}`).toBeGreaterThan(model.lastLease);
  model.lease(message, consumer, lease, now);
  return attempt === 1 ? message.name : `${message.name} (attempt ${attempt})`;
}

const VERBS = ["ack", "nack", "nack later", "reject", "release", "extend"] as const;
const DELAY_MS = 700;
const EXTENDED_MS = 25_000;

class Settle implements Command {
  constructor(
    readonly choice: number,
    readonly verb: (typeof VERBS)[number],
    readonly from: number,
    readonly count: number,
  ) {}
  check = ({ consumers }: QueueModel): boolean => consumers.some(({ held, over }) => held.size + over.length > 0);
  toString = (): string => `consumer ${this.choice} of those that hold any settles ${this.count}, choice ${this.from}: ${this.verb}`;
  async run(model: QueueModel, real: Harness): Promise<void> {
    const holders = model.consumers.filter(({ held }) => held.size > 0);
    const consumer = pick(holders.length > 0 ? holders : model.consumers, this.choice);
    if (consumer === undefined) return;
    // Mostly what it holds, now and then what is over.
    const first = pick(this.from % 4 === 3 ? consumer.over : [...consumer.held.keys()], this.from >> 2);
    if (first === undefined) return;
    const verb = this.verb === "nack later" ? "nack" : this.verb;
    const delayMs = { nack: 0, "nack later": DELAY_MS }[this.verb as "nack" | "nack later"];
    const run = { first, count: this.count, verb, delayMs, leaseMs: EXTENDED_MS } as const;
    const outcomes = await real.settle(consumer.number, run);
    const told = outcomes.map((outcome, index) => {
      const message = consumer.held.get(first + index);
      expect(outcome, `L2: settling lease ${first + index}`).toBe(message === undefined ? "STALE_LEASE" : "ok");
      if (message !== undefined) settled(model, message, this.verb, real.clock.now());
      return message?.name ?? `lease ${first + index}, which is stale`;
    });
    model.tell(`consumer ${consumer.number} settles ${listed(told)}: ${this.verb}`);
    await compare(model, real);
  }
}

function settled(model: QueueModel, message: ModelMessage, verb: (typeof VERBS)[number], now: number): void {
  if (verb === "ack") model.ack(message);
  else if (verb === "reject") model.reject(message);
  else if (verb === "release") model.release(message);
  else if (verb === "nack") model.fail(message, now, now);
  else if (verb === "nack later") model.fail(message, now + DELAY_MS, now + DELAY_MS);
  else if (message.lease !== undefined) message.lease.until = now + EXTENDED_MS;
}

/** A consumer tries to settle what another one holds. */
class Steal implements Command {
  constructor(readonly choice: number) {}
  check = ({ consumers }: QueueModel): boolean => consumers.length > 1 && consumers.some(({ held }) => held.size > 0);
  toString = (): string => `consumer ${this.choice} settles what others hold`;
  async run(model: QueueModel, real: Harness): Promise<void> {
    const thief = pick(model.consumers, this.choice);
    if (thief === undefined) return;
    for (const consumer of model.consumers.filter((other) => other !== thief)) {
      for (const number of consumer.held.keys()) {
        expect(await real.settle(thief.number, { first: number, count: 1, verb: "ack" }), "L2").toEqual(["STALE_LEASE"]);
      }
    }
    model.tell(`consumer ${thief.number} settles in vain what others hold`);
    await compare(model, real);
  }
}

class Detach implements Command {
  constructor(
    readonly choice: number,
    readonly counted: boolean,
  ) {}
  check = ({ consumers }: QueueModel): boolean => consumers.length > 0;
  toString = (): string => `consumer ${this.choice} is ${this.counted ? "lost" : "cancelled"}`;
  async run(model: QueueModel, real: Harness): Promise<void> {
    const consumer = pick(model.consumers, this.choice);
    if (consumer === undefined) return;
    await detach(model, real, consumer, this.counted);
    await compare(model, real);
  }
}

export async function detach(model: QueueModel, real: Harness, consumer: ModelConsumer, counted: boolean): Promise<void> {
  const had = [...consumer.held.values()].map(({ name }) => name);
  await real.engine.detach(consumer.number, counted);
  model.detach(consumer, counted, real.clock.now());
  model.tell(`consumer ${consumer.number} is ${counted ? "lost" : "cancelled"}, and had ${listed(had)}`);
}

class Advance implements Command {
  constructor(readonly ms: number) {}
  check = (): boolean => true;
  toString = (): string => `${this.ms} ms pass`;
  async run(model: QueueModel, real: Harness): Promise<void> {
    const over = model.expire(real.clock.now() + this.ms);
    model.tell(`${this.ms} ms pass${over.length === 0 ? "" : `, in which leases ${over.join(", ")} run out`}`);
    const told = new Set<number>();
    real.told.clear();
    await real.clock.advance(this.ms);
    await real.until(`${over.length} expiries`, () => {
      for (const { leases } of real.told.expired) for (const number of leases) told.add(number);
      return told.size >= over.length;
    });
    const rising = (numbers: Iterable<number>): number[] => [...numbers].sort((a, b) => a - b);
    expect(rising(told), "leases that ran out").toEqual(rising(over));
    await real.quiet();
    await compare(model, real);
  }
}

const choice = fc.integer({ min: 0, max: 3 });
const small = fc.integer({ min: 1, max: 5 });

const settle = fc
  .tuple(choice, fc.constantFrom("ack", "ack", ...VERBS), fc.nat({ max: 30 }), small)
  .map(([consumer, verb, from, count]) => new Settle(consumer, verb, from, count));

/** Everything that consumers, and time, may do. */
export const consumeCommands: Weighted[] = [
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 8 }).map((maxInFlight) => new Attach(maxInFlight)) },
  { weight: 24, arbitrary: fc.tuple(choice, fc.integer({ min: 1, max: 9 })).map(([consumer, count]) => new Lease(consumer, count)) },
  { weight: 30, arbitrary: settle },
  { weight: 1, arbitrary: choice.map((consumer) => new Steal(consumer)) },
  { weight: 3, arbitrary: fc.tuple(choice, fc.boolean()).map(([consumer, counted]) => new Detach(consumer, counted)) },
  { weight: 10, arbitrary: fc.constantFrom(1, 500, 1_000, 1_000, 4_999, 10_000).map((ms) => new Advance(ms)) },
];
