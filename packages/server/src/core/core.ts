import { HoldfastError, type ReceiptRun, type SettledRun, type SettleRun } from "holdfast-client/protocol";
import type { AppendRequest, QueueAddress } from "../engine.js";
import { isReplyQueue, type QueueOptions } from "../options.js";
import type { Entry } from "../store.js";
import { Administration } from "./administration.js";
import { type AppendTools, appendTo, noteRefusal, refusalOf } from "./append.js";
import { Block } from "./block.js";
import { Catalog } from "./catalog.js";
import type { Chain } from "./chain.js";
import { type Allowance, type Call, ChainLeasing, type LeaseNumbers } from "./chain-leasing.js";
import { type Chains, HELD_LOADED_MAX } from "./chains.js";
import { type ChainChange, CommitBuilder, type SealedCommit } from "./commit.js";
import { Compactor } from "./compactor.js";
import { Consumer } from "./consumer.js";
import { Delays } from "./delays.js";
import { DueEntries } from "./due-entries.js";
import { type DueList, type DueMessage, unpackDue } from "./due-list.js";
import { NO_MARK } from "./due-mark.js";
import { Expiry } from "./expiry.js";
import { BLOCKED, type HeldMessage, unpackHeld } from "./held-message.js";
import { Holding } from "./holding.js";
import * as keys from "./keys.js";
import { Lease, type Place } from "./lease.js";
import { Overflow } from "./overflow.js";
import { failedListOf, priorityOf } from "./priority-level.js";
import type { Queue } from "./queue.js";
import { Residency } from "./residency.js";
import { Rooms } from "./rooms/rooms.js";
import { Scanner } from "./scanner.js";
import { SCHEDULED_BYTES_PER_TURN, Schedules } from "./schedules.js";
import { settleRuns } from "./settle.js";
import { fits } from "./space.js";
import { NEVER } from "./timing.js";
import { type CoreContext, Transitions } from "./transitions.js";
import { Wakes } from "./wakes.js";
import { Windows } from "./window.js";

/** A reply queue that nobody consumed for so long is removed. */
const REPLY_IDLE_MS = 600_000;

/** What became of an append. */
export interface Appended {
  readonly runs: readonly (readonly ReceiptRun[])[];
  readonly refused?: HoldfastError;
}

/** What ran out in one turn. */
export interface Expired {
  readonly consumer: Consumer;
  readonly leases: readonly number[];
}

const NONE: readonly Expired[] = [];

/**
 * The semantics of queues as one deterministic machine: operations change its state and collect writes; `seal` hands
 * the writes of a commit out, and `committed` shows their effects once they are durable. It does no I/O and has no
 * clock, so that the engines, the model tests and the simulation run the very same code.
 *
 * Two places hold messages. The **log** has those never delivered: blocks in order of sequence, leased from a cursor.
 * The **due lists** have those that wait for a time or were delivered before, and all with a priority, one entry each
 * with its attempts; each level of priority has its own. A message moves from the log to the due list when its first delivery fails, so what the log holds behind its cursor is
 * in flight, and a stored mark per place says what counts an attempt after a crash.
 */
export class Core {
  readonly life: number;
  readonly catalog: Catalog;
  readonly administration: Administration;
  readonly schedules: Schedules;
  readonly rooms: Rooms;
  readonly delays: Delays;
  readonly expiry: Expiry;
  readonly #commit = new CommitBuilder();
  readonly #compactor: Compactor;
  readonly #windows: Windows;
  readonly #wakes = new Wakes();
  readonly #transitions: Transitions;
  readonly #holding = new Holding(this.#commit);
  readonly #entries = new DueEntries(this.#commit);
  readonly #chainLeasing: ChainLeasing;
  readonly #tools: AppendTools;
  readonly #consumers = new Map<number, Consumer>();
  #nextConsumer = 1;
  readonly #leaseNumbers: LeaseNumbers = { next: 1 };
  /** Queues that may have something to lease since this was last emptied. */
  readonly work = new Set<Queue>();
  /** Queues whose window, due lists or chains may want a read. */
  readonly wanting = new Set<Queue>();
  /** Consumers that may lease since this was last emptied, where they might not before. */
  readonly freed = new Set<Consumer>();
  /** Queues with delayed messages that may be due, and with messages that may have expired: to be looked at. */
  readonly due = new Set<Queue>();
  readonly aging = new Set<Queue>();
  /** Reply queues that nobody consumed for too long: to be removed. */
  readonly abandoned = new Set<Queue>();

  constructor(life: number, context: CoreContext) {
    this.life = life;
    this.catalog = new Catalog(this.#commit, life, Math.floor(context.random() * 0x1_0000_0000));
    const residency = new Residency();
    this.#compactor = new Compactor(this.#commit, residency, context);
    this.#windows = new Windows(residency, this.#compactor);
    this.#transitions = new Transitions(this.catalog, this.#commit, this.#windows, this.#wakes, this.#holding, this.#entries, context);
    this.delays = new Delays(this.catalog, this.#commit, this.#transitions, this.#entries);
    this.expiry = new Expiry(this.catalog, this.#windows, this.#transitions, this.#holding, this.#entries, context);
    const scanner = new Scanner(this.#windows, this.#transitions, this.#holding, this.expiry);
    this.#chainLeasing = new ChainLeasing(this.#leaseNumbers, scanner, this.expiry, this.#transitions, this.#holding, this.#wakes);
    this.administration = new Administration(this.#commit, this.#windows, this.#transitions, this.#entries, context);
    const overflow = new Overflow(this.#commit, this.#windows, this.#transitions, this.#entries, context, (queue) =>
      this.wanting.add(queue),
    );
    this.#tools = { maker: overflow, entries: this.#entries };
    this.rooms = new Rooms({
      life,
      commit: this.#commit,
      catalog: this.catalog,
      get: (key) => context.get(key),
      feed: (namespace, queue, records, count, now) => this.#feed({ namespace, queue, records, count }, now),
    });
    this.schedules = new Schedules(this.#commit, this.#wakes, this.#tools, context);
  }

  /** Creates the queue, or changes the given options. */
  define(address: QueueAddress, options: Partial<QueueOptions>, now: number): Queue {
    const queue = this.catalog.define(address, options);
    this.wanting.add(queue);
    // A pace that was raised or taken away need not be waited for.
    this.work.add(queue);
    this.#watchIdle(queue, now);
    return queue;
  }

  /** What was restored begins to live. */
  begin(now: number): void {
    for (const queue of this.catalog.all()) {
      this.#watchIdle(queue, now);
      this.lookAtTimes(queue, now);
    }
    this.schedules.begin();
    this.rooms.begin(now);
  }

  /** Says whether something of the queue's delays or expiries is to be done now, and wakes for what comes next. */
  lookAtTimes(queue: Queue, now: number): void {
    this.#lookAtDelays(queue, now);
    if (queue.expiry.next <= now) this.aging.add(queue);
    if (Math.min(queue.delays.nextLook, queue.expiry.next) > now) this.#wakes.forTimes(queue);
  }

  #lookAtDelays(queue: Queue, now: number): void {
    if (queue.delays.horizon.next <= now && !this.delays.rests(queue, now)) this.due.add(queue);
  }

  #watchIdle(queue: Queue, now: number): void {
    if (!isReplyQueue(queue.name) || queue.consumers.size > 0) return;
    queue.idleSince = now;
    if (!queue.idleWatched) this.#wakes.forIdle(queue, now + REPLY_IDLE_MS);
    queue.idleWatched = true;
  }

  #lookAtIdle(queue: Queue, now: number): void {
    queue.idleWatched = false;
    if (queue.consumers.size > 0) return;
    const until = queue.idleSince + REPLY_IDLE_MS;
    if (until <= now) this.abandoned.add(queue);
    else this.#wakes.forIdle(queue, until);
    queue.idleWatched = until > now;
  }

  /** Forgets the queue; its content is to be cleared from the store afterwards. Returns the consumers it had. */
  remove(queue: Queue): Consumer[] {
    const consumers = [...queue.consumers];
    for (const consumer of consumers) this.#consumers.delete(consumer.number);
    queue.consumers.clear();
    this.work.delete(queue);
    this.wanting.delete(queue);
    this.due.delete(queue);
    this.aging.delete(queue);
    this.abandoned.delete(queue);
    this.#windows.remove(queue);
    this.#wakes.forget(queue);
    this.schedules.forget(queue);
    this.rooms.queueRemoved(queue.namespace, queue.name);
    this.catalog.remove(queue);
    return consumers;
  }

  /** The content of a removed queue is gone from the store. */
  cleared(number: number): void {
    this.#commit.write(keys.removedKey(number), undefined);
  }

  // --- publish -------------------------------------------------------------------------------------------------

  /** Takes messages. With `atomic`, `refused` says why none was taken. */
  append(requests: readonly AppendRequest[], atomic: boolean, now: number): Appended {
    if (atomic) {
      const refused = this.#refusalOf(requests, now);
      if (refused !== undefined) return { runs: [], refused };
    }
    return { runs: requests.map((request) => this.#appendOne(request, atomic, now)) };
  }

  #appendOne(request: AppendRequest, must: boolean, now: number): ReceiptRun[] {
    const queue = this.catalog.find(request) ?? this.define(request, {}, now);
    this.#commit.touch(queue);
    try {
      return appendTo(queue, request, this.#tools, must, now);
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      return [{ count: request.count, sequence: 0, duplicate: false, error: error.toReply() }];
    }
  }

  /** Appends what a room has for a queue, up to the first message that the queue does not take now. */
  #feed(request: AppendRequest, now: number): ReceiptRun[] | undefined {
    const queue = this.catalog.find(request);
    if (queue === undefined) return undefined;
    const { count, records } = request;
    if (fits(queue, count, records.length)) return this.#appendOne(request, false, now);
    const runs: ReceiptRun[] = [];
    const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
    let at = 0;
    for (let index = 0; index < count && runs.at(-1)?.error?.retryable !== true; index++) {
      const end = at + view.getUint32(at, true);
      runs.push(...this.#appendOne({ ...request, count: 1, records: records.subarray(at, end) }, false, now));
      at = end;
    }
    return runs;
  }

  #refusalOf(requests: readonly AppendRequest[], now: number): HoldfastError | undefined {
    for (const request of requests) {
      const reply = refusalOf(this.catalog.find(request), request, now);
      if (reply === undefined) continue;
      if (!reply.retryable && request.producer !== undefined) {
        const queue = this.catalog.find(request) ?? this.define(request, {}, now);
        noteRefusal(queue, request, reply, now);
        this.#commit.touch(queue);
      }
      return HoldfastError.from(reply);
    }
    return undefined;
  }

  // --- consumers and leases ------------------------------------------------------------------------------------

  attach(queue: Queue, maxInFlight: number): Consumer {
    const consumer = new Consumer(this.#nextConsumer++, queue, maxInFlight);
    queue.consumers.add(consumer);
    if (queue.chains?.fifo === true) queue.holder ??= consumer;
    this.#consumers.set(consumer.number, consumer);
    this.wanting.add(queue);
    this.work.add(queue);
    this.#wakes.forQueue(queue);
    return consumer;
  }

  /** Leases from a paused queue again. */
  resume(queue: Queue): void {
    this.administration.resume(queue);
    this.wanting.add(queue);
    this.work.add(queue);
    this.#wakes.forQueue(queue);
  }

  consumerNumbers(): number[] {
    return [...this.#consumers.keys()];
  }

  consumer(number: number): Consumer | undefined {
    return this.#consumers.get(number);
  }

  detach(consumer: Consumer, counted: boolean, now: number): void {
    const { queue } = consumer;
    this.#consumers.delete(consumer.number);
    queue.consumers.delete(consumer);
    const leases = [...consumer.leases.values(), ...consumer.irregular.values()].sort((a, b) => a.lease - b.lease);
    consumer.leases.clear();
    consumer.irregular.clear();
    for (const lease of leases) this.#transitions.giveBack(lease, counted, now);
    this.#commit.touch(queue);
    if (queue.holder === consumer) this.#passOn(queue);
    if (!queue.readsAhead) this.#windows.drop(queue);
    this.#watchIdle(queue, now);
  }

  /** The consumer that may lease from a `fifo` queue is gone: the one attached longest is next. */
  #passOn(queue: Queue): void {
    queue.holder = queue.consumers.values().next().value;
    if (queue.holder !== undefined) this.freed.add(queue.holder);
    this.work.add(queue);
  }

  /**
   * Leases what is ready to the consumer. `wait` says that the leases may be shown only after the next commit, which
   * carries the mark that makes them count after a crash. It would take `wanted` with the calls to come.
   */
  lease(consumer: Consumer, count: number, bytesMax: number, now: number, wanted = count): { leases: Lease[]; wait: boolean } {
    const { queue } = consumer;
    const { ratePerSecondMax } = queue.options;
    const leases: Lease[] = [];
    if (queue.paused) return { leases, wait: false };
    const { capacity } = consumer;
    const asked = Math.min(count, capacity);
    const allowance: Allowance = { count: asked, bytes: bytesMax };
    if (ratePerSecondMax > 0) {
      allowance.count = Math.min(allowance.count, queue.pace.allowed(ratePerSecondMax, now));
      if (allowance.count === 0) return this.#waitForPace(consumer, now);
    }
    const until = now + queue.options.leaseMs;
    const { wait, cut, more } =
      queue.chains === undefined
        ? this.#leaseLevels(consumer, leases, allowance, until, now)
        : this.#chainLeasing.lease(consumer, queue.chains, leases, allowance, until, now);
    this.#lookAtDelays(queue, now);
    const taken = leases.length;
    const room = ratePerSecondMax > 0 ? allowance.count : Math.min(wanted, capacity);
    consumer.ahead = cut ? taken : Math.max(0, room - taken);
    if (queue.chains !== undefined && queue.chains.wanting.size > 0) this.wanting.add(queue);
    if (more) this.work.add(queue);
    if (leases.length === 0) {
      this.#wakes.forQueue(queue);
      this.wanting.add(queue);
      return { leases, wait: false };
    }
    queue.inFlight += leases.length;
    if (ratePerSecondMax > 0) queue.pace.take(leases.length);
    this.#watch(consumer, leases, until);
    if (queue.wantsLog !== undefined || queue.levels.needsLoading) this.wanting.add(queue);
    if (taken < asked) {
      this.#wakes.forQueue(queue);
      this.wanting.add(queue);
      // Whoever gets less than was asked for waits for word of more: there is some already.
      if (taken === allowance.count) this.work.add(queue);
    }
    const beyondMark = queue.chains === undefined && queue.cursor - 1 > Math.min(queue.leasedThrough, queue.leasedThroughDurable);
    if (wait || beyondMark) this.#commit.touch(queue);
    return { leases, wait: wait || beyondMark };
  }

  #waitForPace(consumer: Consumer, now: number): { leases: Lease[]; wait: boolean } {
    const { queue } = consumer;
    consumer.ahead = 0;
    if (consumer.capacity > 0) this.#wakes.forQueueAt(queue, Math.max(now + 1, queue.pace.next(queue.options.ratePerSecondMax)));
    return { leases: [], wait: false };
  }

  /** While a level above the lowest has something, message by message, each of the level whose turn it is; then the lowest alone. */
  #leaseLevels(consumer: Consumer, leases: Lease[], allowance: Allowance, until: number, now: number): Call {
    const { queue } = consumer;
    const { levels } = queue;
    let wait = false;
    // A block that came to memory for an overflow was not looked through.
    this.#recoverLog(queue, now);
    // What is being read from the store would be overtaken.
    if (levels.raised.length > 0 && levels.needsRaised) return { wait, cut: false, more: false };
    while (levels.raised.length > 0 && leases.length < allowance.count) {
      const level = levels.choose(now, levels.lowest.ready(now) !== undefined || this.#windows.front(queue) !== undefined);
      if (level === undefined) break;
      const before = leases.length;
      const one: Allowance = { count: before + 1, bytes: allowance.bytes };
      this.#leaseDue(consumer, level.ready(now) ?? level.failed, leases, one, until, now);
      if (leases.length > before) wait = true;
      else if (level === levels.lowest) this.#leaseLog(consumer, leases, one, until, now);
      if (leases.length === before) return { wait, cut: true, more: leases.length > 0 };
      allowance.bytes = one.bytes;
      levels.tookTurn();
    }
    const before = leases.length;
    this.#leaseDue(consumer, levels.lowest.failed, leases, allowance, until, now);
    if (leases.length > before) wait = true;
    const cut = this.#leaseLog(consumer, leases, allowance, until, now);
    return { wait, cut, more: cut && leases.length > 0 };
  }

  #leaseDue(consumer: Consumer, list: DueList, leases: Lease[], allowance: Allowance, until: number, now: number): void {
    const { queue } = consumer;
    if (list.needsLoading) return;
    for (let message = list.next(now); message !== undefined && leases.length < allowance.count; message = list.next(now)) {
      const over = message.expireAt <= now;
      if (!over && leases.length > 0 && message.size > allowance.bytes) return;
      list.take();
      const { sequence, attempts, publishedAt } = message;
      const record = this.#transitions.storedDue(queue, message);
      if (over) {
        this.#entries.remove(queue, message);
        this.#transitions.expire(queue, record, message, now);
        continue;
      }
      const lease = new Lease(this.#leaseNumbers.next++, consumer, sequence, attempts + 1, publishedAt, until, { due: message }, record);
      leases.push(lease);
      allowance.bytes -= message.size;
    }
  }

  /** Returns whether it ended for the bytes' sake, so that the consumer will ask for more at once. */
  #leaseLog(consumer: Consumer, leases: Lease[], allowance: Allowance, until: number, now: number): boolean {
    const { queue } = consumer;
    while (leases.length < allowance.count) {
      const block = queue.window[0];
      if (block === undefined) return false;
      const index = queue.cursor - block.first;
      if (!block.isSettled(index) && this.expiry.isOverIn(queue, block, index, now)) this.expiry.endIn(queue, block, index, now);
      else if (!block.isSettled(index)) {
        const place: Place = { block, index };
        const lease = new Lease(this.#leaseNumbers.next, consumer, queue.cursor, 1, block.publishedAt, until, place, block);
        if (leases.length > 0 && lease.size > allowance.bytes) return true;
        this.#leaseNumbers.next++;
        leases.push(lease);
        allowance.bytes -= lease.size;
      }
      this.#windows.advance(queue, block);
    }
    return false;
  }

  /** Lets a blocked key go on; `NOT_FOUND` when it is not blocked. */
  unblock(queue: Queue, key: string, action: "skip" | "retry", now: number): void {
    const { chains } = queue;
    const chain = chains?.find(chains.fifo ? "" : key);
    const head = chain?.head;
    if (chain === undefined || chain.frozen > 0 || head === undefined || head.block !== undefined || head.due !== BLOCKED) {
      throw new HoldfastError("NOT_FOUND", `key ${JSON.stringify(key)} of queue ${queue.name} is not blocked`);
    }
    chain.take(head);
    this.#transitions.unblock(queue, chain, head, action, now);
  }

  /** The leases that ended since this was last asked, because one before them in a `fifo` queue did. */
  takeRevoked(): readonly Expired[] {
    if (this.#transitions.revoked.length === 0) return NONE;
    const revoked = new Map<Consumer, number[]>();
    for (const { consumer, lease } of this.#transitions.revoked.splice(0)) {
      const leases = revoked.get(consumer);
      if (leases === undefined) revoked.set(consumer, [lease]);
      else leases.push(lease);
    }
    return Array.from(revoked, ([consumer, leases]) => ({ consumer, leases }));
  }

  #watch(consumer: Consumer, leases: readonly Lease[], until: number): void {
    const regular = consumer.latestUntil <= until;
    consumer.latestUntil = Math.max(consumer.latestUntil, until);
    for (const lease of leases) (regular ? consumer.leases : consumer.irregular).set(lease.lease, lease);
    this.#wakes.forConsumer(consumer, until);
  }

  // --- settlements and deadlines -------------------------------------------------------------------------------

  settle(consumer: Consumer | undefined, runs: readonly SettleRun[], now: number): SettledRun[] {
    if (consumer !== undefined) this.#commit.touch(consumer.queue);
    return settleRuns(this.#transitions, consumer, runs, now);
  }

  /** When `wake` is to be called next. */
  get nextWake(): number | undefined {
    const next = Math.min(this.#wakes.next ?? NEVER, this.#compactor.next ?? NEVER, this.rooms.nextWake ?? NEVER);
    return next === NEVER ? undefined : next;
  }

  /**
   * Ends the leases that ran out by `now`, lets schedules publish, and says which queues have messages that became due.
   * What is over by `now` and does not fit in one turn is left for the next, and `nextWake` is in the past then.
   */
  wake(now: number): Expired[] {
    const expired: Expired[] = [];
    this.#compactor.look(now);
    this.rooms.wake(now);
    let bytesLeft = SCHEDULED_BYTES_PER_TURN;
    for (let wake = this.#wakes.take(now); wake !== undefined; wake = bytesLeft > 0 ? this.#wakes.take(now) : undefined) {
      const { queue, consumer, idle, schedule, times } = wake;
      if (times !== undefined) this.lookAtTimes(times, now);
      if (schedule !== undefined) bytesLeft -= this.schedules.fire(schedule, now);
      if (idle !== undefined) this.#lookAtIdle(idle, now);
      if (queue !== undefined) {
        this.work.add(queue);
        queue.chains?.promote(now);
        if (!queue.levels.isReady(now)) this.#wakes.forQueue(queue);
      }
      if (consumer !== undefined && this.#consumers.get(consumer.number) === consumer) this.#expire(consumer, now, expired);
    }
    return expired;
  }

  #expire(consumer: Consumer, now: number, expired: Expired[]): void {
    const leases = consumer.takeExpired(now);
    for (const lease of leases) this.#transitions.fail(lease, now, undefined, undefined);
    if (leases.length > 0) {
      consumer.expiredInARow += leases.length;
      this.#commit.touch(consumer.queue);
      expired.push({ consumer, leases: leases.map(({ lease }) => lease) });
    }
    const next = consumer.nextExpiry;
    if (next !== Number.POSITIVE_INFINITY) this.#wakes.forConsumer(consumer, next);
  }

  // --- reading ahead -------------------------------------------------------------------------------------------

  /** How much a read may bring into the queue's window; 0 when memory is short and the window has something. */
  fillBytes(queue: Queue): number {
    return this.#windows.fillBytes(queue);
  }

  /** Takes blocks, and bitmaps of blocks, read from `from` on. `end` is where the next read starts. */
  fillLog(queue: Queue, from: number, blocks: readonly Entry[], settled: readonly Entry[], end: number, now: number): void {
    if (queue.windowEnd !== from || !queue.readsAhead) return;
    const bitmaps = new Map(settled.map(([key, value]) => [keys.positionOf(key), value]));
    for (const [key, value] of blocks) {
      const first = keys.positionOf(key);
      const block = Block.unpack(value);
      if (block.queue !== queue.number || block.first !== first) {
        throw new HoldfastError("ENGINE_UNAVAILABLE", `stored block ${queue.number}/${first} holds ${block.queue}/${block.first}`);
      }
      const bitmap = bitmaps.get(first);
      if (bitmap !== undefined) block.restoreBitmap(bitmap);
      // Of a block that was pushed out in part memory knows more than the store may.
      this.#windows.enter(queue, queue.blocks.get(first) ?? block);
    }
    queue.windowEnd = Math.max(queue.windowEnd, end);
    if (queue.window.length === 0) queue.cursor = queue.windowEnd;
    if (queue.chains === undefined) this.#recoverLog(queue, now);
    this.work.add(queue);
  }

  /** Moves what was in flight at a crash from the log to the due list, with its attempt counted (promise L4). */
  #recoverLog(queue: Queue, now: number): void {
    for (let block = queue.window[0]; block !== undefined && queue.cursor <= queue.recoverThrough; block = queue.window[0]) {
      const index = queue.cursor - block.first;
      if (!block.isSettled(index) && block.bytes !== undefined) {
        const record = block.bytes.subarray(block.start(index), block.stop(index));
        this.#transitions.failedBefore(
          queue,
          record,
          { list: 0, due: now, sequence: queue.cursor, attempts: 1, publishedAt: block.publishedAt, reason: undefined },
          now,
        );
        this.#windows.settle(queue, block, index);
        queue.leftMeanwhile?.add(queue.cursor);
        queue.movedMeanwhile?.add(queue.cursor);
      }
      this.#windows.advance(queue, block);
    }
  }

  /**
   * Stores anew, with an attempt more, what was in flight of a due list when the life before this one ended (promise L4): the
   * entries up to its mark. `complete` says that there are no more of them.
   */
  recoverDue(queue: Queue, list: DueList, entries: readonly Entry[], complete: boolean, now: number): void {
    // With the last of them gone, nothing that is added has to come after the mark.
    if (complete) list.unmark();
    for (const [key, value] of entries) {
      const { message, record } = unpackDue(keys.duePlaceOf(key), value);
      if (message.sequence < queue.purgedBelow) continue;
      this.#entries.remove(queue, message);
      this.#transitions.failedBefore(
        queue,
        record,
        { ...message, list: failedListOf(priorityOf(message.list)), due: now, attempts: message.attempts + 1 },
        now,
      );
    }
    this.#commit.touch(queue);
  }

  /** Takes a due list's entries read since `list.beginLoad()`, when `durableOrder` was the queue's; `complete` when there are no more. */
  fillDue(queue: Queue, list: DueList, entries: readonly Entry[], complete: boolean, durableOrder: number): void {
    if (!list.loadFits || !queue.readsAhead) {
      list.abandonLoad();
      return;
    }
    const messages: DueMessage[] = [];
    for (const [key, value] of entries) {
      const place = keys.duePlaceOf(key);
      // What was not durable when the read began is added when its commit is.
      if (place.order >= durableOrder) continue;
      const { message } = unpackDue(place, value);
      if (message.sequence >= queue.purgedBelow) messages.push(message);
    }
    const lastKey = entries.at(-1)?.[0];
    list.load(messages, lastKey && keys.duePlaceOf(lastKey), complete);
    this.work.add(queue);
    this.#wakes.forQueue(queue);
  }

  /** Takes a held message that a life before this one left; more of its chain than memory keeps is left in the store. */
  restoreHeld(queue: Queue, stored: Entry, now: number): { readonly key: string; readonly full: boolean } {
    const { chains } = queue;
    const { key, rank } = keys.heldOf(stored[0]);
    const chain = chains?.of(key);
    if (chains === undefined || chain === undefined) return { key, full: true };
    if (rank.sequence < queue.purgedBelow) {
      chains.review(chain, now);
      return { key, full: false };
    }
    if (chain.held.length >= HELD_LOADED_MAX) {
      chain.storedAt(rank);
      return { key, full: true };
    }
    this.#takeHeld(queue, chain, stored, now);
    chains.review(chain, now);
    return { key, full: false };
  }

  /** Takes what was read of a chain from `chain.moreFrom` on. */
  fillChain(queue: Queue, chain: Chain, entries: readonly Entry[], complete: boolean, now: number): void {
    if (queue.chains?.find(chain.key) !== chain) return;
    const messages: HeldMessage[] = [];
    for (const entry of entries) {
      const { rank } = keys.heldOf(entry[0]);
      if (rank.sequence >= queue.purgedBelow) messages.push(unpackHeld(rank, entry[1]).message);
    }
    queue.chains?.load(chain, messages, complete, now);
    this.work.add(queue);
    this.#wakes.forQueue(queue);
  }

  #takeHeld(queue: Queue, chain: Chain, [key, value]: Entry, now: number): void {
    const { message, record } = unpackHeld(keys.heldOf(key).rank, value);
    if (queue.chains?.leasedBefore.delete(message.sequence) !== true) {
      chain.hold(message);
      return;
    }
    this.#holding.unmarkLeased(queue, message);
    this.#holding.remove(queue, chain, message);
    this.#transitions.heldBefore(queue, chain, record, message, now);
  }

  // --- commit --------------------------------------------------------------------------------------------------

  get hasChanges(): boolean {
    return this.#commit.hasChanges || this.rooms.hasChanges || this.#compactor.isDue;
  }

  /** With an order: what consumers will take is looked for now, so that this commit marks it. */
  #lookAhead(queue: Queue, now: number): void {
    if (queue.chains?.fifo !== false) return;
    this.#chainLeasing.lookAhead(queue, queue.chains, now);
    if (queue.wantsLog !== undefined) this.wanting.add(queue);
  }

  /** Ends the commit that was being filled; `committed` takes it once it is durable. */
  seal(now: number): SealedCommit {
    this.#compactor.run(now);
    for (const queue of this.#commit.queues) this.#lookAhead(queue, now);
    return this.#commit.seal(now, this.rooms.seal(now));
  }

  /** Shows the effects of a commit that is durable. */
  committed(sealed: SealedCommit): void {
    this.rooms.committed(sealed.rooms);
    for (const { queue, next, logEnd, nextOrder, leasedThrough, reserved } of sealed.marks) {
      if (queue.chains !== undefined) {
        queue.reservations = queue.chains.fifo ? reserved.filter(({ block, index }) => isWaiting(queue, block, index)) : reserved;
        for (const { block, index } of queue.reservations) block.reserve(index);
      }
      queue.durableNext = next;
      queue.durableLogEnd = logEnd;
      if (queue.delays.committed() !== NEVER) this.#wakes.forTimes(queue);
      queue.durableOrder = nextOrder;
      queue.leasedThroughDurable = leasedThrough;
    }
    for (const [queue, at] of sealed.expiries) {
      queue.expiry.note(at);
      this.#wakes.forTimes(queue);
    }
    for (const { queue, block, after, promoted } of sealed.blocks) this.#show(queue, block, after, promoted);
    for (const change of sealed.chains) this.#showChain(change);
    for (const { queue, chains, thawing } of sealed.marks) {
      if (chains === undefined || thawing.length === 0 || queue.chains !== chains) continue;
      chains.thaw(thawing);
      this.#chainsChanged(queue, chains);
    }
    for (const schedule of sealed.schedules) this.schedules.show(schedule);
    for (const { queue, message } of sealed.due) {
      if (!queue.levels.list(message.list).arrive(message)) continue;
      this.work.add(queue);
      this.#wakes.forQueue(queue);
    }
  }

  #showChain({ queue, chain, held, stored }: ChainChange): void {
    // A purge may have come in between.
    if (queue.chains?.find(chain.key) !== chain) return;
    if (held !== undefined) {
      chain.hold(held);
      chain.frozen--;
    }
    if (stored !== undefined) {
      chain.storing--;
      chain.storedAt(stored);
    }
    queue.chains.review(chain, 0);
    this.#chainsChanged(queue, queue.chains);
  }

  #chainsChanged(queue: Queue, { wanting }: Chains): void {
    if (wanting.size > 0) this.wanting.add(queue);
    this.work.add(queue);
    this.#wakes.forQueue(queue);
  }

  #show(queue: Queue, block: Block, after: number, promoted: boolean): void {
    if (queue.unshown[0] === block) queue.unshown.shift();
    if (block.first < queue.purgedBelow) return;
    if (block.live === 0) return;
    // Of a block whose first messages had to give way the rest is kept: it cannot be read from the middle.
    const isBegun = queue.cursor > block.first;
    if (!isBegun && !queue.readsAhead) return;
    if (isBegun || this.#windows.admits(queue, block, after, promoted)) {
      this.#windows.enter(queue, block);
      this.work.add(queue);
    } else {
      this.wanting.add(queue);
    }
  }

  /** The last commit of a life that ends by its own will: nothing that is in flight counts an attempt. */
  retire(now: number): void {
    this.#compactor.finish();
    this.rooms.retire(now);
    for (const queue of this.catalog.all()) {
      // Also of a queue without leases: what is published with this commit must not be marked for consumers that wait.
      queue.retired = true;
      if (queue.chains !== undefined) this.#unmark(queue);
      const isMarked = queue.levels.lists.some(({ mark }) => mark !== NO_MARK);
      if (queue.inFlight === 0 && queue.leasedThrough < queue.cursor && !isMarked) continue;
      queue.levels.unmark();
      this.#commit.touch(queue);
    }
  }

  /** Takes back the marks of what is in flight, or was about to be. What this life found and did not look through still counts. */
  #unmark(queue: Queue): void {
    for (const block of queue.blocks.values()) {
      if (!block.hasMarks) continue;
      if (block.first >= queue.foundNext) block.unmarkAll();
      else if (block.first < queue.cursor) block.unmarkBelow(queue.cursor - block.first);
      else continue;
      queue.dirtyBlocks.set(block.first, block);
    }
    for (const { leases, irregular } of queue.consumers) {
      for (const { place } of [...leases.values(), ...irregular.values()]) {
        if (place.entry !== undefined) this.#holding.unmarkLeased(queue, place.entry);
      }
    }
    this.#commit.touch(queue);
  }
}

/** Of a `fifo` queue it may have been leased while its mark was being written, and waits for a commit of its own then. */
const isWaiting = ({ chains, cursor }: Queue, { first }: Block, index: number): boolean =>
  first + index >= Math.min(cursor, chains?.find("")?.parkedFrom ?? cursor);
