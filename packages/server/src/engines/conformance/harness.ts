import type { SettleRun } from "holdfast-client/protocol";
import { expect } from "vitest";
import type { AppendRequest, Engine, QueueAddress, QueueStats } from "../../engine.js";
import type { QueueOptions } from "../../options.js";
import type { EngineHost, Restart } from "./engine-host.js";
import { EventLog, eventsOfOneLife } from "./event-log.js";
import { ManualClock, turn } from "./manual-clock.js";
import {
  bodiesOf,
  type Delivery,
  type Fate,
  fatesOf,
  type Outcome,
  outcomesOf,
  type Publishable,
  pack,
  readLeased,
  readPeeked,
  type Seen,
} from "./messages.js";

/** Options under which nothing is random. */
export const STEADY = {
  leaseMs: 10_000,
  maxAttempts: 5,
  backoff: { type: "fixed", delayMs: 1_000, delayMaxMs: 1_000, jitter: 0 },
} as const satisfies Partial<QueueOptions>;

const NAMESPACE = "/";
const BYTES_MAX = 64 * 1024 * 1024;
const PATIENCE_MS = 10_000;

/** Who numbers the messages of a publish. */
export type Producer = NonNullable<AppendRequest["producer"]>;

/** An engine, its clock and what it told, with short words for what every case does. Queues are of the namespace `/`. */
export class Harness {
  readonly clock: ManualClock;
  readonly told = new EventLog();
  readonly #host: EngineHost;
  readonly #namespaces = new Set([NAMESPACE]);
  #engine: Engine | undefined;
  #endLife: () => void = () => {};

  private constructor(host: EngineHost, clock: ManualClock) {
    this.#host = host;
    this.clock = clock;
  }

  static async open(host: EngineHost, clock = new ManualClock()): Promise<Harness> {
    const harness = new Harness(host, clock);
    await harness.#open();
    return harness;
  }

  async #open(): Promise<void> {
    const life = this.clock.life();
    const told = eventsOfOneLife(this.told);
    this.#endLife = () => {
      life.end();
      told.end();
    };
    this.#engine = await this.#host.open(life.clock, told.events);
  }

  /** Makes the next commit of the engine fail, whether it is `kept` all the same or not. */
  failNextCommit(kept: boolean): void {
    this.#host.failNextCommit(kept);
  }

  get engine(): Engine {
    if (this.#engine === undefined) throw new Error("the engine is closed");
    return this.#engine;
  }

  address(queue: string, namespace = NAMESPACE): QueueAddress {
    this.#namespaces.add(namespace);
    return { namespace, queue };
  }

  /** Closes the engine gracefully, if it is open. */
  async close(): Promise<void> {
    const engine = this.#engine;
    this.#engine = undefined;
    await engine?.close();
    this.#endLife();
  }

  /** Begins another life after `close`. */
  async reopen(): Promise<void> {
    await this.#open();
  }

  /** Ends the engine's life, gracefully or not, and begins another on the same data. Consumers are gone. */
  async restart(way: Restart): Promise<void> {
    if (way === "reopen") await this.close();
    else {
      this.#endLife();
      await this.#host.crash(this.engine);
    }
    await this.#open();
  }

  /** Defines a queue on which nothing is random. */
  async define(queue: string, options: Partial<QueueOptions> = {}, namespace = NAMESPACE): Promise<void> {
    await this.engine.define(this.address(queue, namespace), { ...STEADY, ...options });
  }

  /** Publishes to a queue, not all or none: each message has its own fate. */
  async publish(queue: string, ...drafts: Publishable[]): Promise<Fate[]> {
    return this.#append(this.address(queue), drafts);
  }

  /** Publishes to a queue of another namespace. */
  async publishIn(namespace: string, queue: string, ...drafts: Publishable[]): Promise<Fate[]> {
    return this.#append(this.address(queue, namespace), drafts);
  }

  /** Messages as a publisher packs them. */
  packed(...drafts: Publishable[]): { readonly count: number; readonly records: Uint8Array } {
    return pack(drafts);
  }

  /** Publishes with producer numbers from `producer.firstNumber` on. */
  async produce(queue: string, producer: Producer, ...drafts: Publishable[]): Promise<Fate[]> {
    return this.#append(this.address(queue), drafts, producer);
  }

  async #append(address: QueueAddress, drafts: Publishable[], producer?: Producer): Promise<Fate[]> {
    const [runs] = await this.engine.append([{ ...address, ...pack(drafts), producer }], false);
    const fates = fatesOf(runs ?? []);
    expect(fates, "one fate for each message").toHaveLength(drafts.length);
    return fates;
  }

  /** Publishes to several queues, all or none. */
  async publishAll(...requests: { readonly queue: string; readonly drafts: Publishable[] }[]): Promise<Fate[][]> {
    const packed = requests.map(({ queue, drafts }) => ({ ...this.address(queue), ...pack(drafts) }));
    const results = await this.engine.append(packed, true);
    return results.map(fatesOf);
  }

  attach(queue: string, maxInFlight = 1_000, namespace = NAMESPACE): Promise<number> {
    return this.engine.attach(this.address(queue, namespace), maxInFlight);
  }

  /** Leases once. */
  async lease(consumer: number, count = 1_000, bytesMax = BYTES_MAX): Promise<Delivery[]> {
    return readLeased(await this.engine.lease(consumer, count, bytesMax));
  }

  /** Leases until exactly that many came, waiting for what the engine still has under way. */
  async take(consumer: number, count: number): Promise<Delivery[]> {
    const taken: Delivery[] = [];
    await this.until(`${count} deliveries`, async () => {
      taken.push(...(await this.lease(consumer, count - taken.length)));
      return taken.length === count;
    });
    return taken;
  }

  /** The only message to be had. */
  async takeOne(consumer: number): Promise<Delivery> {
    const [delivery] = await this.take(consumer, 1);
    if (delivery === undefined) throw new Error("no delivery");
    return delivery;
  }

  /** Sees that nothing can be leased, also once the engine did all it had to do. */
  async expectNothing(consumer: number): Promise<void> {
    await this.quiet();
    expect(await this.lease(consumer), "nothing to lease").toEqual([]);
  }

  async settle(consumer: number, ...runs: SettleRun[]): Promise<Outcome[]> {
    const outcomes = outcomesOf(await this.engine.settle(consumer, runs));
    const settlements = runs.reduce((sum, run) => sum + run.count, 0);
    expect(outcomes, "one outcome for each settlement").toHaveLength(settlements);
    return outcomes;
  }

  ack(consumer: number, ...deliveries: Delivery[]): Promise<Outcome[]> {
    return this.settle(consumer, ...deliveries.map(({ lease }) => ({ first: lease, count: 1, verb: "ack" }) as const));
  }

  nack(consumer: number, delivery: Delivery, how: { delayMs?: number; reason?: string } = {}): Promise<Outcome[]> {
    return this.settle(consumer, { first: delivery.lease, count: 1, verb: "nack", ...how });
  }

  reject(consumer: number, delivery: Delivery, reason?: string): Promise<Outcome[]> {
    return this.settle(consumer, { first: delivery.lease, count: 1, verb: "reject", reason });
  }

  release(consumer: number, delivery: Delivery): Promise<Outcome[]> {
    return this.settle(consumer, { first: delivery.lease, count: 1, verb: "release" });
  }

  extend(consumer: number, delivery: Delivery, leaseMs: number): Promise<Outcome[]> {
    return this.settle(consumer, { first: delivery.lease, count: 1, verb: "extend", leaseMs });
  }

  stats(queue: string): Promise<QueueStats> {
    return this.engine.stats(this.address(queue));
  }

  /** Every message of a queue, page by page. */
  async scan(queue: string, namespace = NAMESPACE, pageSize = 500): Promise<Seen[]> {
    const seen: Seen[] = [];
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page: { items: readonly Parameters<typeof readPeeked>[0][number][]; next?: number } = await this.engine.peek(
        this.address(queue, namespace),
        after,
        pageSize,
      );
      seen.push(...readPeeked(page.items));
      after = page.next;
    }
    return seen;
  }

  /** What all messages of a queue say. */
  async bodies(queue: string): Promise<unknown[]> {
    return bodiesOf(await this.scan(queue));
  }

  /** Waits for something that the engine does by itself; fails after 10 s. */
  async until(what: string, reached: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!(await reached())) {
      if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
      await turn();
    }
  }

  /** Waits until leases of a consumer ran out, as the engine tells it. */
  async expiries(consumer: number, count: number): Promise<void> {
    await this.until(`${count} expiries`, () => {
      const of = this.told.expired.filter((event) => event.consumer === consumer);
      return of.reduce((sum, event) => sum + event.leases.length, 0) >= count;
    });
  }

  /** Sends work of its own through the engine, so that what was started before is done. */
  async quiet(): Promise<void> {
    const aside = { namespace: "/aside", queue: "aside" };
    for (let round = 0; round < 3; round++) {
      await this.engine.define(aside, { ...STEADY, leaseMs: STEADY.leaseMs + round });
      await turn();
    }
  }

  /** Promise C1: the counts of every queue add up and equal a full scan. */
  async checkCounts(): Promise<void> {
    if (this.#engine === undefined) return;
    await this.quiet();
    for (const namespace of this.#namespaces) {
      for (let after: string | undefined, more = true; more; more = after !== undefined) {
        const page: { items: readonly string[]; next?: string } = await this.engine.list(namespace, after, 100);
        for (const queue of page.items) await this.#checkQueue({ namespace, queue });
        after = page.next;
      }
    }
  }

  /** Promise C1 of what is stored: counts, CRCs and whom each entry belongs to. */
  async checkStore(): Promise<void> {
    if (this.#engine === undefined) return;
    expect((await this.#host.examine?.()) ?? [], "C1: what is stored adds up").toEqual([]);
  }

  async #checkQueue(address: QueueAddress): Promise<void> {
    const { engine } = this;
    const where = `${address.namespace} ${address.queue}`;
    const stats = await engine.stats(address);
    const seen = await this.scan(address.queue, address.namespace);
    const { ready, inFlight, delayed, parked, dead, acked, expired, purged } = stats;
    const accounted = ready + inFlight + delayed + parked + dead + acked + expired + purged;
    expect(accounted, `C1: the counts of ${where} add up: ${JSON.stringify(stats)}`).toBe(stats.published + stats.redriven);
    const scanned = {
      ready: seen.filter(({ state }) => state === "ready").length,
      inFlight: seen.filter(({ state }) => state === "in-flight").length,
      delayed: seen.filter(({ state }) => state === "delayed").length,
      parked: seen.filter(({ state }) => state === "parked" || state === "blocked").length,
      bytes: seen.reduce((sum, { bytes }) => sum + bytes, 0),
      // A message with a delay has no age before that is over.
      oldestAgeMs: seen.reduce((oldest, { publishedAt, delayMs }) => Math.max(oldest, this.clock.now() - publishedAt - delayMs), 0),
    };
    const counted = { ready, inFlight, delayed, parked, bytes: stats.bytes, oldestAgeMs: stats.oldestAgeMs };
    expect(counted, `C1: the counts of ${where} equal a full scan`).toEqual(scanned);
    const sequences = seen.map(({ sequence }) => sequence);
    expect(sequences, `${where} is scanned in order, nothing twice`).toEqual([...new Set(sequences)].sort((a, b) => a - b));
  }
}
