import { HoldfastError, type ReceiptRun, type SettledRun, type SettleRun } from "holdfast-client/protocol";
import type { AppendRequest, QueueAddress } from "../engine.js";
import { defaultOptions, type QueueOptions } from "../options.js";
import type { Entry, Write } from "../store.js";
import { appendTo, idleProducers, noteRefusal, refusalOf, store } from "./append.js";
import { Block } from "./block.js";
import { Consumer } from "./consumer.js";
import { type DueMessage, isAfter, NO_MARK, packDue, unpackDue } from "./due-list.js";
import { Heap } from "./heap.js";
import { type DeadReason, withHistory } from "./history.js";
import * as keys from "./keys.js";
import { Lease, type Place } from "./lease.js";
import { Producer } from "./producer.js";
import { packState, Queue, restoreState } from "./queue.js";
import { Residency } from "./residency.js";
import { afterFailure } from "./retry.js";
import { settleRuns } from "./settle.js";

/** What the core asks of the world besides the writes it returns: to read one stored value at once, and chance. */
export interface CoreContext {
  get(key: Uint8Array): Uint8Array | undefined;
  /** From 0 (included) to 1 (not). */
  random(): number;
}

/** The writes of one commit, and what becomes visible once they are durable. */
export interface SealedCommit {
  readonly writes: readonly Write[];
  readonly blocks: readonly { readonly queue: Queue; readonly block: Block }[];
  readonly due: readonly { readonly queue: Queue; readonly message: DueMessage }[];
  readonly marks: readonly { readonly queue: Queue; readonly next: number; readonly leasedThrough: number }[];
}

/** What became of an append. */
export interface Appended {
  readonly runs: readonly (readonly ReceiptRun[])[];
  readonly refused?: HoldfastError;
}

interface Wake {
  readonly at: number;
  readonly consumer?: Consumer;
  readonly queue?: Queue;
}

/** What ran out in one turn. */
export interface Expired {
  readonly consumer: Consumer;
  readonly leases: readonly number[];
}

/**
 * The semantics of queues as one deterministic machine: operations change its state and collect writes; `seal` hands
 * the writes of a commit out, and `committed` shows their effects once they are durable. It does no I/O and has no
 * clock, so that the engines, the model tests and the simulation run the very same code.
 *
 * Two places hold messages. The **log** has those never delivered: blocks in order of sequence, leased from a cursor.
 * The **due list** has those that wait for a time or were delivered before, one entry each with its attempts. A
 * message moves from the log to the due list when its first delivery fails, so what the log holds behind its cursor is
 * in flight, and a stored mark per place says what counts an attempt after a crash.
 */
export class Core {
  readonly #context: CoreContext;
  readonly #queues = new Map<number, Queue>();
  readonly #byName = new Map<string, Map<string, Queue>>();
  readonly #consumers = new Map<number, Consumer>();
  readonly #residency = new Residency();
  readonly #wakes = new Heap<Wake>((a, b) => a.at < b.at);
  readonly #dirty = new Set<Queue>();
  #writes: Write[] = [];
  #due: { queue: Queue; message: DueMessage }[] = [];
  #nextQueue = 1;
  #nextConsumer = 1;
  #nextLease = 1;
  #commit = 1;
  #metaDirty = true;
  readonly life: number;
  /** Queues that may have something to lease since this was last emptied. */
  readonly work = new Set<Queue>();
  /** Queues whose window or due list may want a read. */
  readonly wanting = new Set<Queue>();

  constructor(life: number, context: CoreContext) {
    this.life = life;
    this.#context = context;
  }

  // --- restoring -----------------------------------------------------------------------------------------------

  restoreNextQueue(number: number): void {
    this.#nextQueue = number;
  }

  restoreDefinition(number: number, stored: Uint8Array): void {
    const { namespace, name, options } = JSON.parse(Buffer.from(stored).toString("utf8")) as {
      namespace: string;
      name: string;
      options: QueueOptions;
    };
    const queue = new Queue(number, namespace, name, { ...defaultOptions(name), ...options });
    queue.definitionDirty = false;
    this.#register(queue);
  }

  restoreState(number: number, stored: Uint8Array): void {
    const queue = this.#queues.get(number);
    if (queue !== undefined) restoreState(queue, stored);
  }

  restoreProducer(number: number, producer: string, stored: Uint8Array): void {
    this.#queues.get(number)?.producers.set(producer, Producer.unpack(producer, stored));
  }

  restoreIds(number: number, commit: number, stored: Uint8Array): void {
    this.#commit = Math.max(this.#commit, commit + 1);
    this.#queues.get(number)?.ids.restore(commit, stored);
  }

  #register(queue: Queue): void {
    this.#queues.set(queue.number, queue);
    let names = this.#byName.get(queue.namespace);
    if (names === undefined) {
      names = new Map();
      this.#byName.set(queue.namespace, names);
    }
    names.set(queue.name, queue);
  }

  // --- queues --------------------------------------------------------------------------------------------------

  find(address: QueueAddress): Queue | undefined {
    return this.#byName.get(address.namespace)?.get(address.queue);
  }

  /** The queue, or `NOT_FOUND`. */
  require(address: QueueAddress): Queue {
    const queue = this.find(address);
    if (queue === undefined)
      throw new HoldfastError("NOT_FOUND", `queue ${JSON.stringify(address.queue)} does not exist in namespace ${address.namespace}`);
    return queue;
  }

  define(address: QueueAddress, options: Partial<QueueOptions>): Queue {
    const known = this.find(address);
    if (known === undefined) {
      const queue = new Queue(this.#nextQueue++, address.namespace, address.queue, { ...defaultOptions(address.queue), ...options });
      this.#metaDirty = true;
      this.#register(queue);
      this.#dirty.add(queue);
      return queue;
    }
    known.options = { ...known.options, ...options };
    known.definitionDirty = true;
    this.#dirty.add(known);
    return known;
  }

  /** Forgets the queue; its content is to be cleared from the store afterwards. Returns the consumers it had. */
  remove(queue: Queue): Consumer[] {
    const consumers = [...queue.consumers];
    for (const consumer of consumers) this.#consumers.delete(consumer.number);
    queue.consumers.clear();
    this.#queues.delete(queue.number);
    this.#byName.get(queue.namespace)?.delete(queue.name);
    this.#dirty.delete(queue);
    this.work.delete(queue);
    this.wanting.delete(queue);
    for (const block of queue.blocks.values()) this.#residency.remove(block);
    this.#due = this.#due.filter((added) => added.queue !== queue);
    this.#write(keys.definitionKey(queue.number), undefined);
    this.#write(keys.stateKey(queue.number), undefined);
    this.#write(keys.removedKey(queue.number), Buffer.of(1));
    return consumers;
  }

  /** The content of a removed queue is gone from the store. */
  cleared(number: number): void {
    this.#write(keys.removedKey(number), undefined);
  }

  all(): IterableIterator<Queue> {
    return this.#queues.values();
  }

  names(namespace: string): string[] {
    return [...(this.#byName.get(namespace)?.keys() ?? [])];
  }

  // --- publish -------------------------------------------------------------------------------------------------

  /** Takes messages. With `atomic`, `refused` says why none was taken. */
  append(requests: readonly AppendRequest[], atomic: boolean, now: number): Appended {
    if (atomic) {
      const refused = this.#refusalOf(requests, now);
      if (refused !== undefined) return { runs: [], refused };
    }
    return { runs: requests.map((request) => this.#appendOne(request, now)) };
  }

  #appendOne(request: AppendRequest, now: number): ReceiptRun[] {
    const queue = this.find(request) ?? this.define(request, {});
    this.#dirty.add(queue);
    try {
      return appendTo(queue, request, now);
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      return [{ count: request.count, sequence: 0, duplicate: false, error: error.toReply() }];
    }
  }

  #refusalOf(requests: readonly AppendRequest[], now: number): HoldfastError | undefined {
    for (const request of requests) {
      const reply = refusalOf(this.find(request), request, now);
      if (reply === undefined) continue;
      if (!reply.retryable && request.producer !== undefined) {
        const queue = this.find(request) ?? this.define(request, {});
        noteRefusal(queue, request, reply, now);
        this.#dirty.add(queue);
      }
      return HoldfastError.from(reply);
    }
    return undefined;
  }

  // --- consumers -----------------------------------------------------------------------------------------------

  attach(queue: Queue, maxInFlight: number): Consumer {
    const consumer = new Consumer(this.#nextConsumer++, queue, maxInFlight);
    queue.consumers.add(consumer);
    this.#consumers.set(consumer.number, consumer);
    this.wanting.add(queue);
    this.work.add(queue);
    this.#wakeForDue(queue);
    return consumer;
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
    for (const lease of leases) this.giveBack(lease, counted, now);
    this.#dirty.add(queue);
    if (queue.consumers.size === 0) this.#dropWindow(queue);
  }

  /**
   * Leases what is ready to the consumer. `wait` says that the leases may be shown only after the next commit, which
   * carries the mark that makes them count after a crash.
   */
  lease(consumer: Consumer, count: number, bytesMax: number, now: number): { leases: Lease[]; wait: boolean } {
    const { queue } = consumer;
    const leases: Lease[] = [];
    const room = { count: Math.min(count, consumer.capacity), bytes: bytesMax };
    const until = now + queue.options.leaseMs;
    this.#leaseDue(consumer, leases, room, until, now);
    const wait = leases.length > 0;
    const cut = this.#leaseLog(consumer, leases, room, until);
    const taken = leases.length;
    consumer.ahead = cut ? taken : Math.max(0, room.count - taken);
    if (leases.length === 0) {
      this.#wakeForDue(queue);
      this.wanting.add(queue);
      return { leases, wait: false };
    }
    queue.inFlight += leases.length;
    this.#watch(consumer, leases, until);
    if (queue.wantsLog !== undefined || queue.due.needsLoading) this.wanting.add(queue);
    const beyondMark = queue.cursor - 1 > queue.leasedThroughDurable;
    if (wait || beyondMark) this.#dirty.add(queue);
    return { leases, wait: wait || beyondMark };
  }

  #leaseDue(consumer: Consumer, leases: Lease[], room: { count: number; bytes: number }, until: number, now: number): void {
    const { queue } = consumer;
    if (queue.due.needsLoading) return;
    for (let message = queue.due.next(now); message !== undefined && leases.length < room.count; message = queue.due.next(now)) {
      if (leases.length > 0 && message.size > room.bytes) return;
      queue.due.take();
      const lease = new Lease(this.#nextLease++, consumer, message.sequence, message.attempts + 1, message.publishedAt, until, {
        due: message,
      });
      lease.record = this.#storedDue(queue, message);
      leases.push(lease);
      room.bytes -= message.size;
      if (isAfter(message, queue.dueMark)) queue.dueMark = { due: message.due, order: message.order };
    }
  }

  /** Returns whether it ended for the bytes' sake, so that the consumer will ask for more at once. */
  #leaseLog(consumer: Consumer, leases: Lease[], room: { count: number; bytes: number }, until: number): boolean {
    const { queue } = consumer;
    while (leases.length < room.count) {
      const block = queue.window[0];
      if (block === undefined) return false;
      const index = queue.cursor - block.first;
      if (!block.isSettled(index)) {
        const place: Place = { block, index };
        const lease = new Lease(this.#nextLease, consumer, queue.cursor, 1, block.publishedAt, until, place);
        if (leases.length > 0 && lease.size > room.bytes) return true;
        this.#nextLease++;
        leases.push(lease);
        room.bytes -= lease.size;
      }
      this.#advance(queue, block);
    }
    return false;
  }

  /** Moves the cursor past one message of the window's first block. */
  #advance(queue: Queue, block: Block): void {
    queue.cursor++;
    if (queue.cursor < block.end) return;
    queue.window.shift();
    queue.windowBytes -= block.size;
    if (block.live > 0) this.#residency.pass(block);
    const next = queue.window[0];
    queue.cursor = next?.first ?? queue.windowEnd;
  }

  #watch(consumer: Consumer, leases: readonly Lease[], until: number): void {
    let last = 0;
    for (const lease of consumer.leases.values()) last = lease.leaseUntil;
    const regular = last <= until;
    for (const lease of leases) (regular ? consumer.leases : consumer.irregular).set(lease.lease, lease);
    this.#wakeFor(consumer, until);
  }

  #wakeFor(consumer: Consumer, at: number): void {
    if (at >= consumer.wakeAt) return;
    consumer.wakeAt = at;
    this.#wakes.push({ at, consumer });
  }

  #wakeForDue(queue: Queue): void {
    const at = queue.due.nextDue;
    if (at === undefined || queue.consumers.size === 0 || at >= queue.wakeAt) return;
    queue.wakeAt = at;
    this.#wakes.push({ at, queue });
  }

  // --- settling ------------------------------------------------------------------------------------------------

  settle(consumer: Consumer | undefined, runs: readonly SettleRun[], now: number): SettledRun[] {
    if (consumer !== undefined) this.#dirty.add(consumer.queue);
    return settleRuns(this, consumer, runs, now);
  }

  /** The message is done: it leaves the queue. */
  finish(lease: Lease): void {
    const { queue } = lease.consumer;
    this.#leave(queue, lease);
    queue.counts.acked++;
    queue.live--;
    queue.bytes -= lease.size;
  }

  /** The delivery failed: the message comes again when `delayMs` or the backoff is over, or is dead. */
  fail(lease: Lease, now: number, delayMs: number | undefined, reason: string | undefined): void {
    const { queue } = lease.consumer;
    const next = afterFailure(lease.attempt, queue.options, now, delayMs, this.#context.random);
    if (next.to === "dead") this.bury(lease, "attempts", reason ?? this.#lastReason(lease), now);
    else this.#moveToDue(queue, lease, next.at, lease.attempt, reason ?? this.#lastReason(lease));
  }

  /** The delivery ended without a fault of the message: it comes again at once. */
  giveBack(lease: Lease, counted: boolean, now: number): void {
    const { queue } = lease.consumer;
    const { maxAttempts } = queue.options;
    if (counted && maxAttempts > 0 && lease.attempt >= maxAttempts) this.bury(lease, "attempts", this.#lastReason(lease), now);
    else this.#moveToDue(queue, lease, now, counted ? lease.attempt : lease.attempt - 1, this.#lastReason(lease));
  }

  /** Moves the message to the dead-letter queue, or discards it when there is none: one commit does both (promise D1). */
  bury(lease: Lease, reason: DeadReason, error: string | undefined, now: number): void {
    const { queue } = lease.consumer;
    const record = this.#recordOf(queue, lease);
    this.#leave(queue, lease);
    this.#died(queue, record, { reason, error, attempts: lease.attempt, sequence: lease.sequence, publishedAt: lease.publishedAt }, now);
  }

  #died(
    queue: Queue,
    record: Uint8Array,
    death: { reason: DeadReason; error: string | undefined; attempts: number; sequence: number; publishedAt: number },
    now: number,
  ): void {
    queue.live--;
    queue.bytes -= record.length;
    queue.counts.dead++;
    const { deadLetter } = queue.options;
    if (deadLetter === false) return;
    const address = { namespace: queue.namespace, queue: deadLetter };
    const target = this.find(address) ?? this.define(address, {});
    store(target, withHistory(record, { namespace: queue.namespace, queue: queue.name, ...death, deadAt: now }), 1, now);
    this.#dirty.add(target);
  }

  extend(lease: Lease, until: number): void {
    const { consumer } = lease;
    consumer.leases.delete(lease.lease);
    lease.leaseUntil = until;
    consumer.irregular.set(lease.lease, lease);
    this.#wakeFor(consumer, until);
  }

  #lastReason(lease: Lease): string | undefined {
    return lease.place.due?.reason;
  }

  /** Takes the message out of the place where it lies. */
  #leave(queue: Queue, lease: Lease): void {
    queue.inFlight--;
    const { block, due } = lease.place;
    if (block === undefined) this.#removeDue(queue, due);
    else this.#settleInBlock(queue, block, lease.place.index);
  }

  #settleInBlock(queue: Queue, block: Block, index: number): void {
    block.settle(index);
    queue.dirtyBlocks.add(block);
    if (block.live > 0) return;
    queue.blocks.delete(block.first);
    this.#residency.remove(block);
  }

  #removeDue(queue: Queue, message: DueMessage): void {
    queue.dueCount--;
    this.#write(keys.dueKey(queue.number, message.due, message.order), undefined);
  }

  #moveToDue(queue: Queue, lease: Lease, at: number, attempts: number, reason: string | undefined): void {
    const record = this.#recordOf(queue, lease);
    this.#leave(queue, lease);
    this.#addDue(queue, record, { due: at, sequence: lease.sequence, attempts, publishedAt: lease.publishedAt, reason });
  }

  #addDue(queue: Queue, record: Uint8Array, fields: Omit<DueMessage, "order" | "size">): void {
    const due = Math.max(fields.due, queue.dueMark.due);
    const message: DueMessage = { ...fields, due, order: queue.nextOrder++, size: record.length };
    queue.dueCount++;
    this.#write(keys.dueKey(queue.number, due, message.order), packDue(message, record));
    this.#due.push({ queue, message });
    this.#dirty.add(queue);
  }

  /** A message's record, from memory or from the store when its bytes were let go. */
  #recordOf(queue: Queue, lease: Lease): Uint8Array {
    if (lease.record !== undefined) return lease.record;
    const { block, due } = lease.place;
    if (block === undefined) return this.#storedDue(queue, due);
    const bytes = block.bytes ?? this.#stored(keys.blockKey(queue.number, block.first));
    return bytes.subarray(lease.start, lease.end);
  }

  /** Makes sure that the bytes of leases can be read now, also when they were let go while a commit was waited for. */
  recall(leases: readonly Lease[]): void {
    for (const lease of leases) {
      if (lease.record === undefined && lease.place.block?.bytes === undefined) lease.record = this.#recordOf(lease.consumer.queue, lease);
    }
  }

  #storedDue(queue: Queue, message: DueMessage): Uint8Array {
    return unpackDue(message.due, message.order, this.#stored(keys.dueKey(queue.number, message.due, message.order))).record;
  }

  #stored(key: Uint8Array): Uint8Array {
    const value = this.#context.get(key);
    if (value === undefined) throw new HoldfastError("ENGINE_UNAVAILABLE", `stored value ${Buffer.from(key).toString("hex")} is missing`);
    return value;
  }

  // --- time ----------------------------------------------------------------------------------------------------

  /** When `wake` is to be called next. */
  get nextWake(): number | undefined {
    return this.#wakes.peek()?.at;
  }

  /** Ends the leases that ran out by `now`, and says which queues have messages that became due. */
  wake(now: number): Expired[] {
    const expired: Expired[] = [];
    for (let wake = this.#wakes.peek(); wake !== undefined && wake.at <= now; wake = this.#wakes.peek()) {
      this.#wakes.pop();
      if (wake.queue !== undefined) {
        wake.queue.wakeAt = Number.POSITIVE_INFINITY;
        this.work.add(wake.queue);
        if (wake.queue.due.next(now) === undefined) this.#wakeForDue(wake.queue);
      }
      if (wake.consumer !== undefined && this.#consumers.get(wake.consumer.number) === wake.consumer)
        this.#expire(wake.consumer, now, expired);
    }
    return expired;
  }

  #expire(consumer: Consumer, now: number, expired: Expired[]): void {
    consumer.wakeAt = Number.POSITIVE_INFINITY;
    const leases = consumer.takeExpired(now);
    for (const lease of leases) this.fail(lease, now, undefined, undefined);
    if (leases.length > 0) {
      consumer.expiredInARow += leases.length;
      this.#dirty.add(consumer.queue);
      expired.push({ consumer, leases: leases.map(({ lease }) => lease) });
    }
    const next = consumer.nextExpiry;
    if (next !== Number.POSITIVE_INFINITY) this.#wakeFor(consumer, next);
  }

  // --- reading ahead -------------------------------------------------------------------------------------------

  get fillBytes(): number {
    return this.#residency.fillBytes;
  }

  /** Takes blocks, and bitmaps of blocks, read from `from` on. `end` is where the next read starts. */
  fillLog(queue: Queue, from: number, blocks: readonly Entry[], settled: readonly Entry[], end: number, now: number): void {
    if (queue.windowEnd !== from || queue.consumers.size === 0) return;
    const bitmaps = new Map(settled.map(([key, value]) => [keys.positionOf(key), value]));
    for (const [key, value] of blocks) {
      const first = keys.positionOf(key);
      const block = Block.unpack(value);
      if (block.queue !== queue.number || block.first !== first) {
        throw new HoldfastError("ENGINE_UNAVAILABLE", `stored block ${queue.number}/${first} holds ${block.queue}/${block.first}`);
      }
      const bitmap = bitmaps.get(first);
      if (bitmap !== undefined) block.restoreSettled(bitmap);
      this.#enterWindow(queue, block);
    }
    queue.windowEnd = Math.max(queue.windowEnd, end);
    if (queue.window.length === 0) queue.cursor = queue.windowEnd;
    this.#recoverLog(queue, now);
    this.work.add(queue);
  }

  #enterWindow(queue: Queue, block: Block): void {
    if (queue.window.length === 0) queue.cursor = block.first;
    queue.window.push(block);
    queue.windowBytes += block.size;
    queue.windowEnd = block.end;
    queue.blocks.set(block.first, block);
    this.#residency.add(block);
  }

  /** Moves what was in flight at a crash from the log to the due list, with its attempt counted (promise L4). */
  #recoverLog(queue: Queue, now: number): void {
    for (let block = queue.window[0]; block !== undefined && queue.cursor <= queue.recoverThrough; block = queue.window[0]) {
      const index = queue.cursor - block.first;
      if (!block.isSettled(index) && block.bytes !== undefined) {
        const record = block.bytes.subarray(block.start(index), block.start(index + 1));
        this.#failedBefore(
          queue,
          record,
          { due: now, sequence: queue.cursor, attempts: 1, publishedAt: block.publishedAt, reason: undefined },
          now,
        );
        this.#settleInBlock(queue, block, index);
      }
      this.#advance(queue, block);
    }
  }

  #failedBefore(queue: Queue, record: Uint8Array, fields: Omit<DueMessage, "order" | "size">, now: number): void {
    const { maxAttempts } = queue.options;
    if (maxAttempts === 0 || fields.attempts < maxAttempts) {
      this.#addDue(queue, record, fields);
      return;
    }
    const { attempts, sequence, publishedAt, reason } = fields;
    this.#dirty.add(queue);
    this.#died(queue, record, { reason: "attempts", error: reason, attempts, sequence, publishedAt }, now);
  }

  /** Takes the due list's entries read since `queue.due.beginLoad()`. Those in flight at a crash are stored anew, counted. */
  fillDue(queue: Queue, entries: readonly Entry[], complete: boolean, now: number): void {
    if (!queue.due.loadFits) return;
    const messages: DueMessage[] = [];
    for (const [key, value] of entries) {
      const { message, record } = unpackDue(keys.positionOf(key), keys.dueOrderOf(key), value);
      if (isAfter(message, queue.recoverDueMark)) {
        messages.push(message);
        continue;
      }
      this.#removeDue(queue, message);
      this.#failedBefore(queue, record, { ...message, due: now, attempts: message.attempts + 1 }, now);
    }
    const lastKey = entries.at(-1)?.[0];
    const last = lastKey === undefined ? undefined : { due: keys.positionOf(lastKey), order: keys.dueOrderOf(lastKey) };
    queue.due.load(messages, last, complete);
    if (complete || (last !== undefined && isAfter(last, queue.recoverDueMark))) queue.dueRecovered = true;
    this.work.add(queue);
    this.#wakeForDue(queue);
  }

  /** Forgets what waits in memory of a queue that nobody consumes. */
  #dropWindow(queue: Queue): void {
    const started = queue.window[0] !== undefined && queue.window[0].first < queue.cursor ? queue.window.shift() : undefined;
    for (const block of queue.window) {
      queue.blocks.delete(block.first);
      this.#residency.remove(block);
    }
    queue.window.length = 0;
    queue.windowBytes = 0;
    if (started !== undefined) {
      queue.window.push(started);
      queue.windowBytes = started.size;
    }
    queue.windowEnd = started?.end ?? queue.cursor;
  }

  // --- commit --------------------------------------------------------------------------------------------------

  get hasChanges(): boolean {
    return this.#dirty.size > 0 || this.#writes.length > 0 || this.#metaDirty;
  }

  #write(key: Uint8Array, value: Uint8Array | undefined): void {
    this.#writes.push({ key, value });
  }

  /** Ends the commit that was being filled. The next operations go into the next one. */
  seal(now: number): SealedCommit {
    const commit = this.#commit++;
    const blocks: { queue: Queue; block: Block }[] = [];
    const marks: { queue: Queue; next: number; leasedThrough: number }[] = [];
    if (this.#metaDirty)
      this.#write(keys.metaKey, Buffer.from(JSON.stringify({ version: 1, life: this.life, nextQueue: this.#nextQueue })));
    this.#metaDirty = false;
    for (const queue of this.#dirty) {
      this.#sealDefinition(queue);
      this.#sealBlocks(queue, blocks);
      this.#sealSettled(queue);
      this.#sealDedup(queue, commit, now);
      this.#sealMark(queue);
      this.#write(keys.stateKey(queue.number), packState(queue));
      marks.push({ queue, next: queue.next, leasedThrough: queue.leasedThrough });
    }
    const sealed: SealedCommit = { writes: this.#writes, blocks, due: this.#due, marks };
    this.#dirty.clear();
    this.#writes = [];
    this.#due = [];
    return sealed;
  }

  #sealDefinition(queue: Queue): void {
    if (!queue.definitionDirty) return;
    queue.definitionDirty = false;
    const { namespace, name, options } = queue;
    this.#write(keys.definitionKey(queue.number), Buffer.from(JSON.stringify({ namespace, name, options }), "utf8"));
  }

  #sealBlocks(queue: Queue, blocks: { queue: Queue; block: Block }[]): void {
    for (const { first, count, bytes, records, publishedAt } of queue.pending) {
      const block = Block.pack(queue.number, first, publishedAt, queue.lastCrc, count, records, bytes);
      queue.lastCrc = block.crc;
      this.#write(keys.blockKey(queue.number, first), block.bytes);
      blocks.push({ queue, block });
    }
    queue.pending = [];
  }

  #sealSettled(queue: Queue): void {
    for (const block of queue.dirtyBlocks) {
      if (block.live > 0) {
        this.#write(keys.settledKey(queue.number, block.first), Buffer.from(block.settled ?? []));
        block.settledStored = true;
        continue;
      }
      this.#write(keys.blockKey(queue.number, block.first), undefined);
      if (block.settledStored) this.#write(keys.settledKey(queue.number, block.first), undefined);
      queue.drainedBytes += block.size;
    }
    queue.dirtyBlocks.clear();
  }

  #sealDedup(queue: Queue, commit: number, now: number): void {
    for (const producer of queue.dirtyProducers) this.#write(keys.producerKey(queue.number, producer.id), producer.pack());
    if (queue.dirtyProducers.size > 0 && now >= queue.producersCheckedAt + PRODUCERS_CHECK_MS) {
      queue.producersCheckedAt = now;
      for (const idle of idleProducers(queue, now)) {
        queue.producers.delete(idle.id);
        this.#write(keys.producerKey(queue.number, idle.id), undefined);
      }
    }
    queue.dirtyProducers.clear();
    const ids = queue.ids.seal(commit);
    if (ids !== undefined) this.#write(keys.idsKey(queue.number, commit), ids);
    for (const old of queue.ids.expire(now, queue.options.dedupWindowMs, IDS_EXPIRED_PER_COMMIT)) {
      this.#write(keys.idsKey(queue.number, old), undefined);
    }
  }

  /**
   * The mark runs ahead of the cursor by what the consumers will take as soon as this commit is durable, so that those
   * deliveries need no commit of their own. A crash just then counts an attempt for what was about to be sent.
   */
  #sealMark(queue: Queue): void {
    const reserved = Math.min(queue.next - 1, queue.cursor - 1 + aheadOf(queue));
    const unread = queue.cursor <= queue.recoverThrough ? queue.recoverThrough : 0;
    queue.leasedThrough = queue.retired ? unread : Math.max(reserved, unread);
  }

  /** Shows the effects of a commit that is durable. */
  committed(sealed: SealedCommit): void {
    for (const { queue, next, leasedThrough } of sealed.marks) {
      queue.durableNext = next;
      queue.leasedThroughDurable = leasedThrough;
    }
    for (const { queue, block } of sealed.blocks) this.#show(queue, block);
    for (const { queue, message } of sealed.due) {
      queue.due.add(message);
      this.work.add(queue);
      this.#wakeForDue(queue);
    }
  }

  #show(queue: Queue, block: Block): void {
    if (queue.consumers.size === 0) return;
    const adjoins = queue.windowEnd === block.first && !queue.reading.log;
    if (adjoins && this.#residency.admits(queue.windowBytes)) {
      this.#enterWindow(queue, block);
      this.work.add(queue);
    } else {
      this.wanting.add(queue);
    }
  }

  /** The last commit of a life that ends by its own will: nothing that is in flight counts an attempt. */
  retire(): void {
    for (const queue of this.#queues.values()) {
      if (queue.inFlight === 0 && queue.leasedThrough < queue.cursor) continue;
      queue.dueMark = queue.dueRecovered ? NO_MARK : queue.recoverDueMark;
      queue.retired = true;
      this.#dirty.add(queue);
    }
  }
}

/** The mark runs ahead by about this much for each consumer. */
const AHEAD_BYTES = 65_536;

function aheadOf(queue: Queue): number {
  const countMax = Math.max(1, Math.floor((AHEAD_BYTES * queue.live) / Math.max(1, queue.bytes)));
  let ahead = 0;
  for (const consumer of queue.consumers) ahead += Math.min(consumer.ahead, consumer.capacity, countMax);
  return ahead;
}

/** How often the producers of a queue are looked through for idle ones. */
const PRODUCERS_CHECK_MS = 3_600_000;
const IDS_EXPIRED_PER_COMMIT = 100;
