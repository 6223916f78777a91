import { type ErrorReply, HoldfastError, type ReceiptRun } from "holdfast-client/protocol";
import { AddressMap, describeQueue } from "./address.js";
import type { Clock } from "./clock.js";
import { Consumers } from "./consumers.js";
import { Dispatcher } from "./dispatcher.js";
import type { AppendRequest, Engine, EngineEvents, Page, Peeked, QueueAddress, QueueStats } from "./engine.js";
import type { Log } from "./log.js";
import { assertDefinable, isReplyQueue, type QueueOptions } from "./options.js";
import { QueueCensus } from "./queue-census.js";
import type { SchedulePlan, StoredSchedule } from "./scheduling.js";

export interface BrokerSettings {
  readonly autoCreate: boolean;
  readonly queuesMax: number;
  readonly namespacesMax: number;
  readonly disconnectGraceMs: number;
  readonly openBytesMax: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** What was ignored because it was late or wrong. */
export interface Counters {
  /** Acknowledgement callbacks that came after their lease had ended. */
  staleCallbacks: number;
  /** Acknowledgement callbacks with something else than a settlement. */
  invalidCallbacks: number;
  malformedFrames: number;
}

/** A queue being created. `error` is read in the same turn in which the publishes that waited go on. */
interface Creation {
  error: unknown;
}

/**
 * The operations on queues, whoever asks: they take checked input and know nothing of sockets.
 *
 * Publishes reach the engine in the order of the calls, also those that had to wait for a queue to be created.
 */
export class Broker implements EngineEvents {
  readonly engine: Engine;
  readonly consumers: Consumers;
  readonly counters: Counters = { staleCallbacks: 0, invalidCallbacks: 0, malformedFrames: 0 };
  readonly #dispatcher: Dispatcher;
  readonly #settings: BrokerSettings;
  readonly #census: QueueCensus;
  readonly #creations = new AddressMap<Creation>();
  /** Settles when all changes of queues that are under way have. */
  #changes: Promise<void> | undefined;
  #openBytes = 0;
  #failure: Error | undefined;
  #closing = false;

  constructor(engine: Engine, settings: BrokerSettings) {
    const { clock, log } = settings;
    this.engine = engine;
    this.#settings = settings;
    this.#census = new QueueCensus(engine, settings.queuesMax, settings.namespacesMax);
    this.#dispatcher = new Dispatcher(engine, clock, log);
    this.consumers = new Consumers(engine, this.#dispatcher, clock, log, settings.disconnectGraceMs);
  }

  /** Why the engine does not serve; undefined while it does. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /**
   * Stores messages as `Engine.append`; creates queues that do not exist when that is allowed, else `NOT_FOUND`. A reply
   * queue is never created by it.
   */
  async publish(requests: readonly AppendRequest[], atomic: boolean): Promise<readonly (readonly ReceiptRun[])[]> {
    this.assertOpen();
    return this.#publish(requests, atomic);
  }

  /** As `publish`, of one request, also while handlers finish: for what they answer. */
  async answer(request: AppendRequest): Promise<readonly ReceiptRun[]> {
    const [runs] = await this.#publish([request], false);
    return runs ?? [];
  }

  async #publish(requests: readonly AppendRequest[], atomic: boolean): Promise<readonly (readonly ReceiptRun[])[]> {
    let bytes = 0;
    for (const { records } of requests) bytes += records.length;
    this.#takeBytes(bytes);
    try {
      if (this.#changes !== undefined || !requests.every((request) => this.engine.options(request) !== undefined)) {
        await this.#allExist(requests, false);
      }
      return await this.engine.append(requests, atomic);
    } finally {
      this.#openBytes -= bytes;
    }
  }

  #takeBytes(bytes: number): void {
    if (this.#openBytes + bytes > this.#settings.openBytesMax) {
      throw new HoldfastError("RATE_LIMITED", `${this.#openBytes} bytes wait to be stored, at most ${this.#settings.openBytesMax} may`);
    }
    this.#openBytes += bytes;
  }

  /** Resolves when the queue can be consumed; `NOT_FOUND` when it does not exist and may not be created. A reply queue always may. */
  async ensure(address: QueueAddress): Promise<void> {
    this.assertOpen();
    await this.#allExist([address], true);
  }

  /** Waits for every change under way, so that nobody who calls later goes first. */
  async #allExist(addresses: readonly QueueAddress[], createsReplyQueues: boolean): Promise<void> {
    const creations = addresses.map((address) => {
      const mayCreate = isReplyQueue(address.queue) ? createsReplyQueues : this.#settings.autoCreate;
      return this.#creationOf(address, mayCreate);
    });
    await this.#changes;
    for (const [index, address] of addresses.entries()) {
      const creation = creations[index];
      if (creation?.error !== undefined) throw creation.error;
      // A stopped engine knows no queues; it will say that it is stopped, which is the better answer.
      const missing = creation === undefined && this.engine.options(address) === undefined && this.#failure === undefined;
      if (missing) throw new HoldfastError("NOT_FOUND", `there is no ${describeQueue(address)}`);
    }
  }

  #creationOf(address: QueueAddress, mayCreate: boolean): Creation | undefined {
    const running = this.#creations.get(address);
    if (running !== undefined || !mayCreate || this.engine.options(address) !== undefined) return running;
    const creation: Creation = { error: undefined };
    this.#creations.set(address, creation);
    this.#change(async () => {
      try {
        await this.#census.create(address.namespace, () => this.engine.define(address, {}));
      } catch (error) {
        creation.error = error;
      }
      this.#creations.delete(address);
    });
    return creation;
  }

  #change(change: () => Promise<void>): Promise<void> {
    const done = change();
    const all: Promise<void> = Promise.allSettled([this.#changes, done]).then(() => {
      // Only after this turn: whoever waited goes on in it, and nobody who calls now may go first.
      setImmediate(() => {
        if (this.#changes === all) this.#changes = undefined;
      });
    });
    this.#changes = all;
    return done;
  }

  /** As `Engine.define`, within the allowed number of queues. */
  async define(address: QueueAddress, options: Partial<QueueOptions>): Promise<void> {
    this.assertOpen();
    assertDefinable(address.queue, options);
    const define = (): Promise<void> => this.engine.define(address, options);
    const known = this.engine.options(address) !== undefined || this.#creations.get(address) !== undefined;
    await this.#change(known ? define : () => this.#census.create(address.namespace, define));
  }

  /** As `Engine.remove`. */
  async remove(address: QueueAddress): Promise<void> {
    this.assertOpen();
    await this.#change(async () => {
      await this.engine.remove(address);
      await this.#census.removed(address.namespace);
    });
  }

  /** Names of queues in order. */
  async list(namespace: string, after: string | undefined, limit: number): Promise<Page<string, string>> {
    this.assertOpen();
    return this.engine.list(namespace, after, limit);
  }

  async stats(address: QueueAddress): Promise<QueueStats> {
    this.assertOpen();
    return this.engine.stats(address);
  }

  async peek(address: QueueAddress, after: number, limit: number): Promise<Page<Peeked, number>> {
    this.assertOpen();
    return this.engine.peek(address, after, limit);
  }

  /** As `Engine.unblock`. */
  async unblock(address: QueueAddress, key: string, action: "skip" | "retry"): Promise<void> {
    this.assertOpen();
    await this.engine.unblock(address, key, action);
  }

  /** As `Engine.purge`. */
  async purge(address: QueueAddress): Promise<number> {
    this.assertOpen();
    return this.engine.purge(address);
  }

  /** As `Engine.pause`. */
  async pause(address: QueueAddress): Promise<void> {
    this.assertOpen();
    await this.engine.pause(address);
  }

  /** As `Engine.resume`. */
  async resume(address: QueueAddress): Promise<void> {
    this.assertOpen();
    await this.engine.resume(address);
  }

  /** As `Engine.deadLetters`. */
  async deadLetters(address: QueueAddress, after: number, limit: number): Promise<Page<Peeked, number>> {
    this.assertOpen();
    return this.engine.deadLetters(address, after, limit);
  }

  /** As `Engine.redrive`. */
  async redrive(address: QueueAddress, ids: readonly string[] | undefined): Promise<number> {
    this.assertOpen();
    return this.engine.redrive(address, ids);
  }

  /** As `Engine.purgeDeadLetters`. */
  async purgeDeadLetters(address: QueueAddress): Promise<number> {
    this.assertOpen();
    return this.engine.purgeDeadLetters(address);
  }

  /** As `Engine.schedule`; creates the queue as `publish` does. */
  async schedule(address: QueueAddress, name: string, plan: SchedulePlan): Promise<number> {
    this.assertOpen();
    this.#takeBytes(plan.record.length);
    try {
      await this.#allExist([address], false);
      return await this.engine.schedule(address, name, plan);
    } finally {
      this.#openBytes -= plan.record.length;
    }
  }

  /** As `Engine.unschedule`. */
  async unschedule(address: QueueAddress, name: string): Promise<void> {
    this.assertOpen();
    await this.engine.unschedule(address, name);
  }

  /** As `Engine.schedules`. */
  async schedules(address: QueueAddress, after: string | undefined, limit: number): Promise<Page<StoredSchedule, string>> {
    this.assertOpen();
    return this.engine.schedules(address, after, limit);
  }

  assertOpen(): void {
    if (this.#closing) throw new HoldfastError("SHUTTING_DOWN", "this server is shutting down");
  }

  onWork(address: QueueAddress): void {
    this.#dispatcher.hint(address);
  }

  onExpired(consumer: number, leases: readonly number[], inARow: number): void {
    this.consumers.onExpired(consumer, leases, inARow);
  }

  onCapacity(consumer: number): void {
    this.consumers.onCapacity(consumer);
  }

  onRevoked(consumer: number, leases: readonly number[]): void {
    this.consumers.onRevoked(consumer, leases);
  }

  onDetached(consumer: number, reason: "deleted" | "engine-restarted"): void {
    this.consumers.onDetached(consumer, reason);
  }

  onRemoved(address: QueueAddress): void {
    void this.#census.removed(address.namespace);
  }

  onSkipped(address: QueueAddress, schedule: string, error: ErrorReply): void {
    this.#settings.log.warn(`schedule ${schedule} of ${describeQueue(address)} skips occurrences: ${error.message}`);
  }

  onRoomWork(): void {}

  onSessionEnded(): void {}

  onState(error: Error | undefined): void {
    this.#failure = error;
    if (error === undefined) this.#settings.log.info("the engine serves again");
    else this.#settings.log.error(`the engine stopped: ${error.message}`);
    this.consumers.onState(error);
  }

  /**
   * Refuses new work, waits up to `drainMs` for handlers in this process, ends all consumers uncounted, closes the engine.
   *
   * @param replyQueues those of requesters in this process, which are removed
   */
  async close(drainMs: number, replyQueues: readonly QueueAddress[] = []): Promise<void> {
    this.#closing = true;
    this.#dispatcher.stop();
    const consumers = this.consumers.all();
    await within(drainMs, Promise.all(consumers.map((consumer) => consumer.sink.drained())));
    await Promise.all(this.consumers.all().map((consumer) => this.consumers.end(consumer, "shutting-down", false)));
    this.consumers.stop();
    // Those that are left, because the engine failed, are removed by their time.
    await Promise.allSettled(replyQueues.map((address) => this.engine.remove(address)));
    await this.engine.close();
  }
}

/** Waits for the work, at most so long. A timer of its own: it must keep the process alive until the engine is closed. */
async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([work, deadline]);
  clearTimeout(timer);
}
