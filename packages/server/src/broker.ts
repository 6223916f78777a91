import { type ErrorReply, HoldfastError, type ReceiptRun } from "holdfast-client/protocol";
import { describeQueue } from "./address.js";
import { Backups } from "./backup/backups.js";
import type { Clock } from "./clock.js";
import { Consumers } from "./consumers.js";
import { Dispatcher } from "./dispatcher.js";
import type { AppendRequest, Engine, EngineEvents, Page, Peeked, QueueAddress, QueueStats } from "./engine.js";
import { Existence, type Kind } from "./existence.js";
import type { Log } from "./log.js";
import { OpenBytes } from "./open-bytes.js";
import { assertDefinable, isReplyQueue, type QueueOptions } from "./options.js";
import type { RoomAddress } from "./room-engine.js";
import type { RoomNews } from "./room-watching.js";
import { Rooms } from "./rooms.js";
import type { SchedulePlan, StoredSchedule } from "./scheduling.js";

export interface BrokerSettings {
  readonly autoCreate: boolean;
  readonly queuesMax: number;
  readonly roomsMax: number;
  readonly namespacesMax: number;
  readonly disconnectGraceMs: number;
  readonly openBytesMax: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** What was ignored because it was late or wrong. */
export interface Counters {
  /** Acknowledgement callbacks that came after their lease had ended, and settlements of rooms in frames that changed nothing. */
  staleCallbacks: number;
  /** Acknowledgement callbacks with something else than a settlement. */
  invalidCallbacks: number;
  malformedFrames: number;
  /** Connections that did not say, or prove, who they are. */
  refusedConnections: number;
}

/**
 * The operations on queues, whoever asks: they take checked input and know nothing of sockets.
 *
 * Publishes reach the engine in the order of the calls, also those that had to wait for a queue to be created.
 */
export class Broker implements EngineEvents {
  readonly engine: Engine;
  readonly consumers: Consumers;
  readonly rooms: Rooms;
  readonly openBytes: OpenBytes;
  readonly backups: Backups;
  readonly counters: Counters = { staleCallbacks: 0, invalidCallbacks: 0, malformedFrames: 0, refusedConnections: 0 };
  readonly #dispatcher: Dispatcher;
  readonly #settings: BrokerSettings;
  readonly #queues: Existence<QueueAddress>;
  #failure: Error | undefined;
  #closing = false;

  constructor(engine: Engine, settings: BrokerSettings) {
    const { clock, log } = settings;
    this.engine = engine;
    this.#settings = settings;
    this.backups = new Backups(engine, clock);
    this.openBytes = new OpenBytes(settings.openBytesMax);
    this.#queues = new Existence(this.#kind(), settings.queuesMax, settings.namespacesMax);
    this.#dispatcher = new Dispatcher(engine, clock, log);
    this.consumers = new Consumers(engine, this.#dispatcher, clock, log, settings.disconnectGraceMs);
    this.rooms = new Rooms(this, settings);
  }

  #kind(): Kind<QueueAddress> {
    return {
      plural: "queues",
      list: (...page) => this.engine.list(...page),
      exists: (address) => this.engine.options(address) !== undefined,
      create: (address) => this.engine.define(address, {}),
      describe: describeQueue,
      keyOf: ({ namespace, queue }) => JSON.stringify([namespace, queue]),
      isStopped: () => this.#failure !== undefined,
    };
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

  /** Whether the queue exists and nobody waits for it, so that `publish` stores at once. */
  isCertain(address: QueueAddress): boolean {
    return this.#queues.isCertain([address]);
  }

  /** As `publish`, of one request, also while handlers finish: for what they answer. */
  async answer(request: AppendRequest): Promise<readonly ReceiptRun[]> {
    const [runs] = await this.#publish([request], false);
    return runs ?? [];
  }

  async #publish(requests: readonly AppendRequest[], atomic: boolean): Promise<readonly (readonly ReceiptRun[])[]> {
    const bytes = requests.reduce((sum, { records }) => sum + records.length, 0);
    return this.openBytes.during(bytes, async () => {
      if (!this.#queues.isCertain(requests)) await this.#allExist(requests, false);
      return this.engine.append(requests, atomic);
    });
  }

  /** Resolves when the queue can be consumed; `NOT_FOUND` when it does not exist and may not be created. A reply queue always may. */
  async ensure(address: QueueAddress): Promise<void> {
    this.assertOpen();
    await this.#allExist([address], true);
  }

  #allExist(addresses: readonly QueueAddress[], createsReplyQueues: boolean): Promise<void> {
    return this.#queues.allExist(addresses, ({ queue }) => (isReplyQueue(queue) ? createsReplyQueues : this.#settings.autoCreate));
  }

  /** As `Engine.define`, within the allowed number of queues. */
  async define(address: QueueAddress, options: Partial<QueueOptions>): Promise<void> {
    this.assertOpen();
    assertDefinable(address.queue, options);
    await this.#queues.define(address, () => this.engine.define(address, options));
  }

  /** As `Engine.remove`. */
  async remove(address: QueueAddress): Promise<void> {
    this.assertOpen();
    await this.#queues.remove(address, () => this.engine.remove(address));
  }

  /** Whether the namespace has a queue or a room. */
  async isUsed(namespace: string): Promise<boolean> {
    const pages = await Promise.all([this.list(namespace, undefined, 1), this.rooms.list(namespace, undefined, 1)]);
    return pages.some(({ items }) => items.length > 0);
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
    return this.openBytes.during(plan.record.length, async () => {
      await this.#allExist([address], false);
      return this.engine.schedule(address, name, plan);
    });
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

  onOvertaken({ namespace, room }: RoomAddress, queue: string, from: number, to: number): void {
    this.#settings.log.warn(
      `${describeQueue({ namespace, queue })}, a member of room ${room}, misses its messages ${from} to ${to}: they were removed before the queue had room`,
    );
  }

  onRoomWork(sessions: readonly number[]): void {
    this.rooms.sessions.onWork(sessions);
  }

  onRoomNews(news: readonly RoomNews[]): void {
    this.rooms.onNews(news);
  }

  onSessionEnded(session: number, reason: "replaced" | "engine-restarted"): void {
    this.rooms.sessions.onEnded(session, reason);
  }

  onRemoved(address: QueueAddress): void {
    void this.#queues.removed(address.namespace);
  }

  onSkipped(address: QueueAddress, schedule: string, error: ErrorReply): void {
    this.#settings.log.warn(`schedule ${schedule} of ${describeQueue(address)} skips occurrences: ${error.message}`);
  }

  onState(error: Error | undefined): void {
    this.#failure = error;
    if (error === undefined) this.#settings.log.info("the engine serves again");
    else this.#settings.log.error(`the engine stopped: ${error.message}`);
    this.consumers.onState(error);
    this.rooms.sessions.onState(error);
    if (error === undefined) this.rooms.onNewLife();
  }

  /**
   * Refuses new work, waits up to `drainMs` for handlers in this process, and up to `settleMs` for all consumers to settle
   * what they hold; ends all consumers uncounted, closes the engine.
   *
   * @param replyQueues those of requesters in this process, which are removed
   */
  async close(
    { drainMs, settleMs }: { readonly drainMs: number; readonly settleMs: number },
    replyQueues: readonly QueueAddress[] = [],
  ): Promise<void> {
    this.#closing = true;
    this.#dispatcher.stop();
    this.rooms.stop();
    const consumers = this.consumers.all();
    await Promise.all([
      within(drainMs, Promise.all(consumers.map((consumer) => consumer.sink.drained()))),
      settleMs > 0 && within(settleMs, this.consumers.allSettled()),
    ]);
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
