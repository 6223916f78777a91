import { HoldfastError, type SettledRun, type SettleRun } from "holdfast-client/protocol";
import { describeQueue } from "./address.js";
import type { Clock } from "./clock.js";
import { type CancelReason, Consumer, type ConsumerOptions, type Sink } from "./consumer.js";
import type { Dispatcher } from "./dispatcher.js";
import type { Engine, QueueAddress } from "./engine.js";
import { errorReply } from "./error-reply.js";
import type { Log } from "./log.js";

/** Consumers that end in a turn of the event loop when many lost their sockets together: each may have thousands of messages to return. */
const ENDED_A_TURN = 8;

/** Leases a returning client still holds: first number and count of each stretch. */
export type HeldLeases = readonly (readonly [first: number, count: number])[];

/** What a consumer settles. */
export interface Settlement {
  readonly consumer: Consumer;
  readonly runs: readonly SettleRun[];
}

/** All consumers of this process: who holds them, which have lost their socket and until when they may be resumed. */
export class Consumers {
  readonly #engine: Engine;
  readonly #dispatcher: Dispatcher;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #graceMs: number;
  readonly #byId = new Map<string, Consumer>();
  readonly #byNumber = new Map<number, Consumer>();
  /** Until when an absent consumer waits. The grace is one for all, so the order of leaving is the order of ending. */
  readonly #graces = new Map<Consumer, number>();
  /** Consumers that wait for the engine's next life. */
  readonly #stranded = new Set<Consumer>();
  #engineServes = true;
  /** Called when consumers may hold less than before; only while somebody waits for that. */
  #onLess: (() => void) | undefined;
  #cancelAlarm: (() => void) | undefined;

  constructor(engine: Engine, dispatcher: Dispatcher, clock: Clock, log: Log, graceMs: number) {
    this.#engine = engine;
    this.#dispatcher = dispatcher;
    this.#clock = clock;
    this.#log = log;
    this.#graceMs = graceMs;
  }

  /** Attaches a consumer. Nothing is leased to it before `start`, so that its holder can be told its id first. */
  async add(address: QueueAddress, options: ConsumerOptions, sink: Sink): Promise<Consumer> {
    const number = await this.#engine.attach(address, options.maxInFlight);
    const consumer = new Consumer(address, options, sink, number);
    this.#byId.set(consumer.id, consumer);
    this.#byNumber.set(number, consumer);
    return consumer;
  }

  start(consumer: Consumer): void {
    if (consumer.state === "attached" && consumer.number !== undefined) this.#dispatcher.add(consumer);
  }

  /** The consumer of that id, when `identity` of that namespace is who holds it. */
  find(id: string, namespace: string, identity: string | undefined): Consumer | undefined {
    const consumer = this.#byId.get(id);
    return consumer?.address.namespace === namespace && consumer.identity === identity ? consumer : undefined;
  }

  /**
   * Gives a consumer a new sink, also while its old one seems alive: a client notices a broken connection before the
   * server does. Resolves when it may be started.
   *
   * @param held when given, every other lease of the consumer is released: those deliveries never arrived
   */
  async resume(consumer: Consumer, sink: Sink, held: HeldLeases | undefined): Promise<void> {
    this.#graces.delete(consumer);
    this.#dispatcher.remove(consumer);
    consumer.sink.flush();
    consumer.resume(sink).closed(consumer, "resumed");
    // What a call under way brings is released by the dispatcher, since the sink is another.
    await consumer.leasing;
    if (held === undefined || consumer.number === undefined) return;
    const lost = runsWithout(this.#engine.leasesOf(consumer.number), held);
    if (lost.length > 0) await this.#engine.settle(consumer.number, lost);
  }

  /** The consumer's socket is gone. */
  leave(consumer: Consumer): void {
    if (consumer.state !== "attached") return;
    this.#dispatcher.remove(consumer);
    if (consumer.number === undefined || this.#graceMs === 0) {
      void this.end(consumer, undefined, true);
      return;
    }
    consumer.leave();
    this.#onLess?.();
    this.#graces.set(consumer, this.#clock.now() + this.#graceMs);
    this.#arm();
  }

  /** Ends a consumer at once and returns its messages. Resolves when the engine did; a failing engine does so by itself. */
  async end(consumer: Consumer, reason: CancelReason | undefined, counted: boolean): Promise<void> {
    if (consumer.state === "gone") return;
    const { number, sink } = consumer;
    sink.flush();
    this.#forget(consumer);
    sink.closed(consumer, reason);
    if (number === undefined) return;
    try {
      await this.#engine.detach(number, counted);
    } catch (error) {
      this.#log.warn(`a consumer of ${describeQueue(consumer.address)} was not detached cleanly: ${String(error)}`);
    }
  }

  /** Leases no more to a consumer, waits until its deliveries were worked on, and ends it. */
  async finish(consumer: Consumer): Promise<void> {
    this.#dispatcher.remove(consumer);
    await consumer.leasing;
    await consumer.sink.drained();
    await this.end(consumer, undefined, false);
  }

  /** Settles leases of a consumer; its capacity is used again at once. */
  async settle(consumer: Consumer, runs: readonly SettleRun[]): Promise<readonly SettledRun[]> {
    if (consumer.number === undefined) return staleRuns(runs);
    const settled = await this.#engine.settle(consumer.number, runs);
    this.#dispatcher.wake(consumer);
    this.#onLess?.();
    return settled;
  }

  /** As `settle`, of many consumers together: each has its own results. */
  async settleAll(settlements: readonly Settlement[]): Promise<readonly (readonly SettledRun[])[]> {
    // The engine knows of no consumer 0: what has none in this life is stale.
    const settled = await this.#engine.settleAll(settlements.map(({ consumer, runs }) => ({ consumer: consumer.number ?? 0, runs })));
    for (const { consumer } of settlements) this.#dispatcher.wake(consumer);
    this.#onLess?.();
    return settled;
  }

  /** Resolves once no consumer that is here holds anything. The dispatcher was stopped, so nothing is added meanwhile. */
  async allSettled(): Promise<void> {
    await Promise.all(this.all().map(({ leasing }) => leasing));
    const holds = ({ state, number }: Consumer): boolean =>
      state === "attached" && number !== undefined && this.#engine.leasesOf(number).length > 0;
    await new Promise<void>((resolve) => {
      this.#onLess = () => {
        if (this.all().some(holds)) return;
        this.#onLess = undefined;
        resolve();
      };
      this.#onLess();
    });
  }

  /** Leases of a consumer ran out. One that never answers is cancelled. */
  onExpired(number: number, leases: readonly number[], inARow: number): void {
    const consumer = this.#byNumber.get(number);
    if (consumer === undefined) return;
    consumer.sink.ended(leases);
    this.#onLess?.();
    if (inARow >= consumer.sink.expiriesMax && consumer.state === "attached") {
      this.#log.warn(`a consumer of ${describeQueue(consumer.address)} let ${inARow} leases in a row run out and is cancelled`);
      void this.end(consumer, "unresponsive", false);
    } else {
      this.#dispatcher.wake(consumer);
    }
  }

  /** It may lease now where it might not before. */
  onCapacity(number: number): void {
    const consumer = this.#byNumber.get(number);
    if (consumer !== undefined) this.#dispatcher.wake(consumer);
  }

  /** Leases of a consumer ended without its doing: nobody settles them any more. */
  onRevoked(number: number, leases: readonly number[]): void {
    const consumer = this.#byNumber.get(number);
    if (consumer === undefined) return;
    consumer.sink.ended(leases);
    this.#onLess?.();
    this.#dispatcher.wake(consumer);
  }

  onDetached(number: number, reason: "deleted" | "engine-restarted"): void {
    const consumer = this.#byNumber.get(number);
    if (consumer === undefined) return;
    if (reason === "engine-restarted" && consumer.state === "attached" && consumer.sink.survivesRestart) {
      this.#byNumber.delete(number);
      this.#dispatcher.remove(consumer);
      consumer.leaveLife();
      this.#onLess?.();
      consumer.sink.endedAll();
      this.#stranded.add(consumer);
      if (this.#engineServes) void this.#enterLife(consumer);
    } else {
      this.#forget(consumer);
      consumer.sink.closed(consumer, reason);
    }
  }

  onState(error: Error | undefined): void {
    this.#engineServes = error === undefined;
    if (this.#engineServes) for (const consumer of [...this.#stranded]) void this.#enterLife(consumer);
  }

  /** Those of a queue, by looking at all. */
  of({ namespace, queue }: QueueAddress): Consumer[] {
    return this.all().filter(({ address }) => address.queue === queue && address.namespace === namespace);
  }

  /** Every consumer there is, those in their grace too. */
  all(): Consumer[] {
    return [...this.#byId.values()];
  }

  stop(): void {
    this.#cancelAlarm?.();
    this.#cancelAlarm = undefined;
  }

  async #enterLife(consumer: Consumer): Promise<void> {
    this.#stranded.delete(consumer);
    try {
      const number = await this.#engine.attach(consumer.address, consumer.maxInFlight);
      if (consumer.state === "gone") {
        await this.#engine.detach(number, false);
        return;
      }
      consumer.enterLife(number);
      this.#byNumber.set(number, consumer);
      this.start(consumer);
    } catch (error) {
      if (consumer.state === "gone") return;
      this.#log.warn(`a consumer of ${describeQueue(consumer.address)} was not attached again: ${String(error)}`);
      if (error instanceof HoldfastError && error.code === "ENGINE_UNAVAILABLE") this.#stranded.add(consumer);
      else await this.end(consumer, "engine-restarted", false);
    }
  }

  #forget(consumer: Consumer): void {
    this.#dispatcher.remove(consumer);
    this.#graces.delete(consumer);
    this.#stranded.delete(consumer);
    this.#byId.delete(consumer.id);
    if (consumer.number !== undefined) this.#byNumber.delete(consumer.number);
    consumer.end();
    this.#onLess?.();
  }

  /** One timer for all graces. It comes at once when some are over already. */
  #arm(): void {
    if (this.#cancelAlarm !== undefined) return;
    const [first] = this.#graces.values();
    if (first === undefined) return;
    this.#cancelAlarm = this.#clock.wakeAt(first, () => {
      this.#cancelAlarm = undefined;
      const now = this.#clock.now();
      let count = 0;
      for (const [consumer, until] of this.#graces) {
        if (until > now || count++ === ENDED_A_TURN) break;
        void this.end(consumer, undefined, true);
      }
      this.#arm();
    });
  }
}

export const STALE = errorReply(new HoldfastError("STALE_LEASE", "the lease is not open any more, or is not this consumer's"));

/** The fate of settlements whose consumer is not known. */
export function staleRuns(runs: readonly SettleRun[]): SettledRun[] {
  const count = runs.reduce((sum, run) => sum + run.count, 0);
  return count === 0 ? [] : [{ count, error: STALE }];
}

/** Releases of the leases, rising, that no held stretch covers. */
function runsWithout(leases: readonly number[], held: HeldLeases): SettleRun[] {
  const kept = [...held].sort(([a], [b]) => a - b);
  const runs: { first: number; count: number; verb: "release" }[] = [];
  let at = 0;
  for (const lease of leases) {
    for (let stretch = kept[at]; stretch !== undefined && stretch[0] + stretch[1] <= lease; stretch = kept[++at]);
    const stretch = kept[at];
    if (stretch !== undefined && stretch[0] <= lease) continue;
    const last = runs.at(-1);
    if (last !== undefined && last.first + last.count === lease) last.count++;
    else runs.push({ first: lease, count: 1, verb: "release" });
  }
  return runs;
}
