import fc from "fast-check";
import { expect } from "vitest";
import type { Harness } from "../../packages/server/src/engines/conformance/harness.js";
import type { Command, Weighted } from "./publish-commands.js";
import type { ModelConsumer, ModelMessage, QueueModel } from "./queue-model.js";
import { compare, QUEUE } from "./world.js";

/** One of the consumers there are, chosen by a number that means the same when the run is shrunk. */
const pick = <T>(items: readonly T[], choice: number): T | undefined => items[choice % Math.max(1, items.length)];

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
export async function attach(model: QueueModel, real: Harness, maxInFlight: number): Promise<void> {
  const number = await real.attach(QUEUE, maxInFlight);
  model.consumers.push({ number, maxInFlight, held: new Map(), over: [] });
}

class Lease implements Command {
  constructor(
    readonly choice: number,
    readonly count: number,
  ) {}
  check = ({ consumers }: QueueModel): boolean => consumers.length > 0;
  toString = (): string => `consumer ${this.choice} of those with room leases ${this.count}`;
  async run(model: QueueModel, real: Harness): Promise<void> {
    const open = model.consumers.filter(({ held, maxInFlight }) => held.size < maxInFlight);
    const consumer = pick(open.length > 0 ? open : model.consumers, this.choice);
    if (consumer === undefined) return;
    const now = real.clock.now();
    const wanted = Math.min(this.count, consumer.maxInFlight - consumer.held.size);
    const must = Math.min(wanted, model.waiting(now).must.length);
    let leased = 0;
    // One call may come back short while the engine reads; what must be to be had has to come in the end.
    await real.until(`${must} deliveries`, async () => {
      const deliveries = await real.lease(consumer.number, this.count - leased);
      for (const { body, attempt, lease, leaseUntil, sequence } of deliveries) {
        const message = model.waiting(now).may.find(({ name }) => name === body);
        if (message === undefined) throw new Error(`${body} was delivered and was not to be had`);
        expect({ attempt, leaseUntil, sequence }, `delivery of ${body}`).toEqual({
          attempt: message.attempts + 1,
          leaseUntil: now + model.options.leaseMs,
          sequence: message.sequence,
        });
        model.lease(message, consumer, lease, now);
      }
      leased += deliveries.length;
      return leased >= must;
    });
    expect(leased, "deliveries").toBeLessThanOrEqual(wanted);
    await compare(model, real);
  }
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
    for (const [index, outcome] of outcomes.entries()) {
      const message = consumer.held.get(first + index);
      expect(outcome, `settling lease ${first + index}`).toBe(message === undefined ? "STALE_LEASE" : "ok");
      if (message !== undefined) settled(model, message, this.verb, real.clock.now());
    }
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
      for (const lease of consumer.held.keys()) {
        expect(await real.settle(thief.number, { first: lease, count: 1, verb: "ack" })).toEqual(["STALE_LEASE"]);
      }
    }
    await compare(model, real);
  }
}

class Detach implements Command {
  constructor(
    readonly choice: number,
    readonly counted: boolean,
  ) {}
  check = ({ consumers }: QueueModel): boolean => consumers.length > 0;
  toString = (): string => `consumer ${this.choice} is detached ${this.counted ? "counted" : "uncounted"}`;
  async run(model: QueueModel, real: Harness): Promise<void> {
    const consumer: ModelConsumer | undefined = pick(model.consumers, this.choice);
    if (consumer === undefined) return;
    await real.engine.detach(consumer.number, this.counted);
    model.detach(consumer, this.counted, real.clock.now());
    await compare(model, real);
  }
}

class Advance implements Command {
  constructor(readonly ms: number) {}
  check = (): boolean => true;
  toString = (): string => `${this.ms} ms pass`;
  async run(model: QueueModel, real: Harness): Promise<void> {
    const until = real.clock.now() + this.ms;
    const overdue = model.overdue(until);
    const told = new Set<number>();
    real.told.clear();
    await real.clock.advance(this.ms);
    await real.until(`${overdue.length} expiries`, () => {
      for (const { leases } of real.told.expired) for (const lease of leases) told.add(lease);
      return told.size >= overdue.length;
    });
    expect(
      [...told].sort((a, b) => a - b),
      "leases that ran out",
    ).toEqual(overdue.map(({ lease }) => lease?.number ?? -1).sort((a, b) => a - b));
    const { backoffMs } = model.options;
    for (const message of overdue) model.fail(message, (message.lease?.until ?? until) + backoffMs, until + backoffMs);
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
  { weight: 12, arbitrary: fc.tuple(choice, fc.integer({ min: 1, max: 9 })).map(([consumer, count]) => new Lease(consumer, count)) },
  { weight: 16, arbitrary: settle },
  { weight: 1, arbitrary: choice.map((consumer) => new Steal(consumer)) },
  { weight: 2, arbitrary: fc.tuple(choice, fc.boolean()).map(([consumer, counted]) => new Detach(consumer, counted)) },
  { weight: 6, arbitrary: fc.constantFrom(1, 500, 1_000, 1_000, 4_999, 10_000).map((ms) => new Advance(ms)) },
];
