import type { SettleRun } from "holdfast-client/protocol";
import type { Leased } from "../../packages/server/src/engine.js";
import type { StoredEngine } from "../../packages/server/src/engines/stored-engine.js";
import { leaseOf, tokenOf } from "../../packages/server/src/gateway/token.js";
import { engineName } from "./engine-name.js";
import { failureOf } from "./failure.js";
import type { Settle, Token } from "./history.js";
import { readRecord } from "./messages.js";
import { type Channel, newChannel } from "./network.js";
import type { World } from "./world.js";

/** A delivery as its consumer keeps it. */
export interface Held {
  readonly consumer: SimulatedConsumer;
  readonly token: Token;
  /** The token as it travels. */
  readonly text: string;
}

/** What to do with a delivery. */
export type Settlement = Pick<Settle, "verb" | "delayMs" | "leaseMs">;

/** One attachment. */
export interface SimulatedConsumer {
  /** In the history. */
  readonly name: string;
  /** Of the engine, in its life. */
  readonly number: number;
  readonly queue: string;
  readonly maxInFlight: number;
  readonly bytesMax: number;
  /** It lets most of its leases run out. */
  readonly slow: boolean;
  /** Settlements of some travel on a connection, of others each on its own. */
  readonly channel: Channel | undefined;
  /** By lease number. */
  readonly held: Map<number, Held>;
  gone: boolean;
  /** Its connection is lost, and may come back. */
  away: boolean;
  leasing: boolean;
  hinted: boolean;
}

/** Old tokens remembered for those who settle too late. */
const OLD_MAX = 50;

/** Those who consume: they take what they can get, and settle when an operation says so. */
export class Consumers {
  readonly #world: World;
  #names = 0;
  /** Those of the life that runs, by the engine's number. */
  readonly #attached = new Map<number, SimulatedConsumer>();
  /** Deliveries that are over for their consumers, of any life. */
  readonly old: Held[] = [];
  /** They ack at once whatever comes. */
  healed = false;

  constructor(world: World) {
    this.#world = world;
  }

  get all(): SimulatedConsumer[] {
    return [...this.#attached.values()];
  }

  of(queue: string): SimulatedConsumer[] {
    return this.all.filter((consumer) => consumer.queue === queue);
  }

  /** Its queue was removed. */
  removed(number: number): void {
    const consumer = this.#attached.get(number);
    if (consumer !== undefined) this.#leave(consumer);
  }

  /** A life began: some come at once, others when an operation lets them. */
  arrive(): void {
    const { random, queues } = this.#world;
    if (this.healed) return;
    for (const { name, dead } of queues) if (random.chance(dead ? 0.1 : 0.7)) this.#world.spawn(this.attach(name));
  }

  forgetAll(): void {
    for (const consumer of this.#attached.values()) this.#leave(consumer);
  }

  #leave(consumer: SimulatedConsumer): void {
    consumer.gone = true;
    this.#attached.delete(consumer.number);
    for (const held of consumer.held.values()) this.#remember(held);
    consumer.held.clear();
  }

  #remember(held: Held): void {
    if (this.old.length < OLD_MAX) this.old.push(held);
    else this.old[this.#world.random.below(OLD_MAX)] = held;
  }

  async attach(queue: string): Promise<void> {
    const { server, random } = this.#world;
    const { engine } = server;
    if (engine === undefined) return;
    const maxInFlight = this.healed ? 100 : random.pick([1, 2, 5, 20, 100]);
    let number: number;
    try {
      number = await engine.attach(this.#world.address(queue), maxInFlight);
    } catch (error) {
      failureOf(error);
      return;
    }
    const name = `${queue}-${++this.#names}`;
    const consumer: SimulatedConsumer = {
      name,
      number,
      queue,
      maxInFlight,
      bytesMax: random.chance(0.1) ? 100 : 65_536,
      slow: random.chance(0.2),
      channel: random.chance(0.7) ? newChannel(name) : undefined,
      held: new Map(),
      gone: false,
      away: false,
      leasing: false,
      hinted: false,
    };
    this.#attached.set(number, consumer);
    this.#world.record({ type: "attached", consumer: consumer.name, queue });
    this.#world.spawn(this.pull(consumer));
  }

  hint(queue: string): void {
    for (const consumer of this.#attached.values()) {
      if (engineName(consumer.queue) !== queue) continue;
      consumer.hinted = true;
      this.#world.spawn(this.pull(consumer));
    }
  }

  /** Leases until nothing is ready or the consumer is full. */
  async pull(consumer: SimulatedConsumer): Promise<void> {
    const { engine } = this.#world.server;
    if (consumer.leasing || consumer.gone || consumer.away || engine === undefined) return;
    consumer.leasing = true;
    try {
      for (
        let count = engine.capacity(consumer.number);
        count > 0 && !consumer.gone && !consumer.away;
        count = engine.capacity(consumer.number)
      ) {
        consumer.hinted = false;
        const leased = await engine.lease(consumer.number, count, consumer.bytesMax);
        if (this.#world.server.engine !== engine) return;
        for (const one of leased) this.#take(consumer, engine, one);
        if (leased.length === 0 && !consumer.hinted) return;
      }
    } catch (error) {
      failureOf(error);
    } finally {
      consumer.leasing = false;
    }
  }

  #take(consumer: SimulatedConsumer, engine: StoredEngine, leased: Leased): void {
    const { lease, sequence, attempt, publishedAt, leaseUntil, bytes, start, end } = leased;
    const token = { life: engine.life, number: lease };
    const { reason, ...content } = readRecord(bytes, start, end);
    const { name, queue } = consumer;
    this.#world.record({
      type: "delivery",
      queue,
      consumer: name,
      token,
      sequence,
      attempt,
      ...content,
      publishedAt,
      leaseUntil,
    });
    const held: Held = { consumer, token, text: tokenOf(engine.epoch, lease) };
    if (consumer.gone) this.#remember(held);
    else consumer.held.set(lease, held);
    if (this.healed) this.settle(consumer, [held], { verb: "ack" });
  }

  expire(number: number, leases: readonly number[]): void {
    const consumer = this.#attached.get(number);
    const life = this.#world.server.engine?.life;
    if (consumer === undefined || life === undefined) return;
    for (const lease of leases) {
      this.#world.record({ type: "expired", consumer: consumer.name, token: { life, number: lease } });
      this.drop(consumer.held.get(lease));
    }
    this.#world.spawn(this.pull(consumer));
  }

  /** Leases ended by themselves; whether their consumer learns it in time is a matter of chance. */
  revoke(number: number, leases: readonly number[]): void {
    const consumer = this.#attached.get(number);
    if (consumer === undefined) return;
    if (this.#world.random.chance(0.5)) for (const lease of leases) this.drop(consumer.held.get(lease));
    this.#world.spawn(this.pull(consumer));
  }

  turn(number: number): void {
    const consumer = this.#attached.get(number);
    if (consumer !== undefined) this.#world.spawn(this.pull(consumer));
  }

  /** The connection is lost. The server keeps the consumer for a while, and gives it nothing; then it goes, if it is not back. */
  lose(consumer: SimulatedConsumer, forUs: number, returns: boolean): void {
    consumer.away = true;
    this.#world.time.in(forUs, () => {
      if (consumer.gone) return;
      consumer.away = false;
      if (returns) this.#resume(consumer);
      else this.#world.spawn(this.detach(consumer, true));
    });
  }

  /** The consumer is back on another connection, and learns what it still holds. */
  #resume(consumer: SimulatedConsumer): void {
    const { engine } = this.#world.server;
    if (engine === undefined) return;
    const open = new Set(engine.leasesOf(consumer.number));
    for (const held of [...consumer.held.values()]) if (!open.has(held.token.number)) this.drop(held);
    this.#world.spawn(this.pull(consumer));
  }

  /** The consumer is done with a delivery, whatever the server thinks. */
  drop(held: Held | undefined): void {
    if (held === undefined || !held.consumer.held.delete(held.token.number)) return;
    this.#remember(held);
  }

  /** The connection is lost for good, or the consumer leaves by its own will: then nothing counts. */
  async detach(consumer: SimulatedConsumer, counted: boolean): Promise<void> {
    const { server } = this.#world;
    const { engine } = server;
    if (engine === undefined || consumer.gone) return;
    const call = this.#world.nextCall();
    this.#world.record({ type: "detach", call, consumer: consumer.name, counted });
    this.#leave(consumer);
    try {
      await engine.detach(consumer.number, counted);
      this.#world.record({ type: "detach-done", call, outcome: "ok" });
    } catch (error) {
      const code = failureOf(error);
      if (code !== undefined) this.#world.record({ type: "detach-done", call, outcome: "fail", code });
    }
  }

  /** Sends settlements by the name of a consumer, whether the tokens are its own or not. */
  settle(consumer: SimulatedConsumer, helds: readonly Held[], settlement: Settlement): void {
    const { network } = this.#world;
    const copies = network.copies();
    for (let copy = 0; copy < copies; copy++) {
      const calls = helds.map(({ token }) => {
        const call = this.#world.nextCall();
        this.#world.record({ type: "settle", call, consumer: consumer.name, token, ...settlement });
        return call;
      });
      network.send(() => this.#world.spawn(this.#settleNow(consumer, helds, calls, settlement)), consumer.channel);
    }
  }

  async #settleNow(consumer: SimulatedConsumer, helds: readonly Held[], calls: readonly number[], settlement: Settlement): Promise<void> {
    const { engine } = this.#world.server;
    if (engine === undefined) return;
    const { runs, at } = runsOf(helds, settlement, (text) => this.fence(engine, text));
    const stale = calls.filter((_, index) => at[index] === undefined);
    if (stale.length > 0) this.#answer(stale, "STALE_LEASE");
    if (runs.length === 0) return;
    const sent = calls.filter((_, index) => at[index] !== undefined);
    try {
      const results = await engine.settle(consumer.number, runs);
      const codes = results.flatMap(({ count, error }) => new Array<string | undefined>(count).fill(error?.code));
      this.#world.network.answer(() => {
        for (const [index, call] of sent.entries()) this.#answer([call], codes[index]);
      }, consumer.channel);
      this.#world.spawn(this.pull(consumer));
    } catch (error) {
      const code = failureOf(error);
      if (code !== undefined) this.#answer(sent, code);
    }
  }

  /** The lease number of a token, if it is of the engine's life: as the gateway does it. */
  fence(engine: StoredEngine, text: string): number | undefined {
    return leaseOf(engine.epoch, text);
  }

  #answer(calls: readonly number[], code: string | undefined): void {
    for (const call of calls)
      this.#world.record(
        code === undefined ? { type: "settle-done", call, outcome: "ok" } : { type: "settle-done", call, outcome: "fail", code },
      );
  }
}

/** Settlements as the engine takes them, neighbours as one run; `at` has the lease of each that passed the fence. */
function runsOf(
  helds: readonly Held[],
  settlement: Settlement,
  fence: (text: string) => number | undefined,
): { runs: SettleRun[]; at: (number | undefined)[] } {
  const runs: SettleRun[] = [];
  const at = helds.map(({ text }) => fence(text));
  for (const lease of at) {
    if (lease === undefined) continue;
    const last = runs.at(-1);
    if (last !== undefined && last.first + last.count === lease) runs[runs.length - 1] = { ...last, count: last.count + 1 };
    else runs.push({ first: lease, count: 1, ...settlement });
  }
  return { runs, at };
}
