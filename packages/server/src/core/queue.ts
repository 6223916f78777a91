import { NumberedMap } from "../numbered-map.js";
import type { QueueOptions } from "../options.js";
import type { KeyRange } from "../store.js";
import type { Block } from "./block.js";
import { Chains } from "./chains.js";
import type { Consumer } from "./consumer.js";
import { DelayStore } from "./delay-store.js";
import type { DueMark } from "./due-mark.js";
import type { DueWatcher } from "./due-watcher.js";
import { originText } from "./history.js";
import { Horizon } from "./horizon.js";
import * as keys from "./keys.js";
import { putU48 } from "./little-endian.js";
import type { Pending } from "./log.js";
import { LogState } from "./log-state.js";
import { Pace } from "./pace.js";
import { PriorityLevels } from "./priority-levels.js";
import { PRODUCER_IDLE_MS } from "./producer.js";
import { Rates } from "./rates.js";
import type { Reservation } from "./reserve.js";
import type { Wake } from "./time-heap.js";
import type { Wanted } from "./wakes.js";

/** Below this the window is filled from the store, so that a consumer never waits for a read. */
const WINDOW_LOW_BYTES = 384 * 1024;

/** Messages of the due lists. */
const RECLAIMED_DUE_MAX = 10_000;

/** Counts since the queue was created; promise C1 says how they add up. */
export interface Counts {
  published: number;
  acked: number;
  dead: number;
  expired: number;
  purged: number;
  redriven: number;
}

/**
 * The state of one queue. Messages that were never delivered lie in the log, in blocks ordered by sequence; the others,
 * and those with a priority, in the due list of their level. Memory holds the state, a window of the log from the cursor on, and what is in flight.
 *
 *     head          cursor              windowEnd            next
 *      |  in flight   |  window: may be    |  on disk only     |
 *      |  or settled  |  leased at once    |                   |
 */
export class Queue extends LogState {
  readonly producerIdleMinMs = PRODUCER_IDLE_MS;
  options: QueueOptions;
  definitionDirty = true;
  /** Of its state record, which most commits write. */
  readonly stateKey: Uint8Array;
  /** Of the history of its dead letters. */
  readonly originText: string;

  /** One past the last sequence in the log, and the last one of it that is durable: those after have a priority or a delay. */
  logEnd = 1;
  durableLogEnd = 1;
  /** The next sequence of the log to lease. */
  cursor = 1;
  /** After a crash, messages of the log up to here that are not settled count one attempt. */
  leasedThrough = 0;
  leasedThroughDurable = 0;
  /** The order number of the next entry of a due list. */
  nextOrder = 1;
  /** One past the highest order number that is durable. */
  durableOrder = 1;
  /** The mark that this life found: what lies at or before it and is not settled was in flight at a crash. */
  recoverThrough = 0;
  /** One past the last sequence that a life before this one stored. */
  foundNext = 1;
  /** Messages below this were purged: what the store still has of them is being cleared. */
  purgedBelow = 1;
  /** Nothing is leased from it. */
  paused = false;

  /** Messages that wait or are in flight, in the log and in the due lists. */
  live = 0;
  dueCount = 0;
  bytes = 0;
  inFlight = 0;
  readonly rates = new Rates();
  readonly counts: Counts = { published: 0, acked: 0, dead: 0, expired: 0, purged: 0, redriven: 0 };

  /** Blocks from the cursor on that are in memory, in order. */
  readonly window: Block[] = [];
  windowEnd = 1;
  windowBytes = 0;
  /** Every block in memory that has messages not settled, by first sequence, in order. */
  readonly blocks = new NumberedMap<Block>();
  readonly levels = new PriorityLevels();
  /** Those who count the due lists just now. */
  readonly dueWatchers = new Set<DueWatcher>();
  /** With `ordering` by key or fifo: what keeps the order. */
  chains: Chains | undefined;
  /** Messages with a store entry of their own in the chains. */
  heldCount = 0;
  /** Messages that wait for their time before they take their place. */
  readonly delays = new DelayStore();
  /** Whether it ever had messages that may expire, and when to look for those that did. */
  expires = false;
  readonly expiry = new Horizon();
  /** When the core looks at its delays and expiries next. */
  timesWake: Wake<Wanted> | undefined;
  /** When the core looks at the ids that it remembers, though nothing else changes. */
  idsWake: Wake<Wanted> | undefined;
  readonly #seed: number;
  /** In the order in which they were attached. */
  readonly consumers = new Set<Consumer>();

  /** Appended and not in a block yet; several when one grew too large. */
  pending: Pending[] = [];
  readonly dirtyBlocks = new NumberedMap<Block>();
  /** With an order: what the commit that is being filled marks ahead, and what the last durable one did. */
  reserving: Reservation[] = [];
  reservations: readonly Reservation[] = [];
  /** What the one before that did. */
  stale: readonly Reservation[] = [];
  /** The highest sequence that this life marked ahead. */
  reservedThrough = 0;
  /** A read of the log is under way. */
  readingLog = false;
  /** Chains of it that are being read. */
  readingChains = 0;
  /** While messages are read to be taken out: those that left since. No other read of the queue starts meanwhile. */
  leftMeanwhile: Set<number> | undefined;
  /** And those of them that went to the due list, where the read may not have seen them. */
  movedMeanwhile: Set<number> | undefined;
  /** How often a message that had been handed out went to the due list. */
  moves = 0;
  /** Messages were taken out of the middle, so blocks of this life that are not in memory may have bitmaps too. */
  holed = false;
  /** What was purged is being cleared from the store. */
  clearing = false;
  /** When the core looks at its due lists next. */
  wake: Wake<Wanted> | undefined;
  /** Paces leases by `ratePerSecondMax`. */
  readonly pace = new Pace();
  /** Packed or sealed, and not durable yet: what `Overflow` may take from, oldest first. Empty unless it may. */
  unshown: Block[] = [];
  /** Of a reply queue: since when nobody consumes it, and whether the core looks at it when it was idle for too long. */
  idleSince = 0;
  idleWatched = false;
  /** It was removed: what a read or a commit under way brings is not wanted any more. */
  isRemoved = false;
  /** The life ends by its own will: see `Retirement`. */
  retired = false;

  /** @param seed for the hashes of ordering keys and ids */
  constructor(number: number, namespace: string, name: string, options: QueueOptions, seed: number) {
    super(number, namespace, name, seed);
    this.#seed = seed;
    this.options = options;
    this.stateKey = keys.stateKey(number);
    this.originText = originText(namespace, name);
    this.order();
  }

  /** Makes ready for the ordering of the options; the queue is empty. */
  order(): void {
    const { ordering } = this.options;
    this.chains = ordering === "none" ? undefined : new Chains(ordering === "fifo", this.#seed);
  }

  /** A message that had been handed out goes to the due list. */
  noteMove(sequence: number): void {
    this.movedMeanwhile?.add(sequence);
    this.moves++;
  }

  get dedupWindowMs(): number {
    return this.options.dedupWindowMs;
  }

  /**
   * A block of the log, where this life has it: in memory, or let go since some of it was marked ahead, while those marks may be taken
   * back. What happens to it must not happen to another copy then: the one with the marks is written once more.
   */
  blockAt(first: number): Block | undefined {
    const known = this.blocks.get(first);
    if (known !== undefined) return known;
    for (const list of [this.reserving, this.reservations, this.stale]) {
      const found = list.find(({ block }) => block.first === first);
      if (found !== undefined) return found.block;
    }
    return undefined;
  }

  /** Something of it is being read. */
  get isRead(): boolean {
    return this.readingLog || this.levels.isReading || this.readingChains > 0;
  }

  /** When the next message that waits for a time becomes due. */
  get nextDue(): number | undefined {
    const due = this.levels.nextDue;
    const held = this.chains?.nextDue;
    return due === undefined || held === undefined ? (due ?? held) : Math.min(due, held);
  }

  /** With `fifo`: who may lease. */
  get holder(): Consumer | undefined {
    return this.consumers.values().next().value;
  }

  /** What was in flight of the log when the life before this one ended is not all counted yet. */
  get recovers(): boolean {
    return this.cursor <= this.recoverThrough;
  }

  /** Whether its oldest messages are kept in memory: for a consumer, or because they may have to give way. */
  get readsAhead(): boolean {
    return !this.isRemoved && (this.consumers.size > 0 || this.options.overflow === "dead-letter-oldest");
  }

  /** The lowest sequence that a restart has to look at. */
  get head(): number {
    return Math.min(this.blocks.first?.first ?? this.cursor, this.cursor);
  }

  override drainedRanges(): KeyRange[] {
    const { number, cursor, levels } = this;
    const ranges = [keys.blockKey, keys.settledKey].map((key) => keys.rangeBelow(key, number, cursor));
    const { passed } = this.delays.horizon;
    if (passed !== undefined) ranges.push({ from: keys.delayedRange(number).from, to: passed });
    // A longer due list is left alone: to go over all of it costs more than its gaps.
    if (this.dueCount <= RECLAIMED_DUE_MAX) for (const list of levels.lists) ranges.push(keys.dueRange(number, list.number));
    return ranges;
  }

  /** Where the log is read next from the store; undefined when memory has what is needed. */
  get wantsLog(): number | undefined {
    const low = this.windowBytes < WINDOW_LOW_BYTES;
    const free = !this.readingLog && this.leftMeanwhile === undefined;
    return low && this.windowEnd < this.durableLogEnd && free ? this.windowEnd : undefined;
  }
}

const STATE_NUMBERS = 20;
const STATE_BYTES = 6 + STATE_NUMBERS * 6;
const VERSION = 1;

/** The queue's state record, written with every commit that changes it. */
export function packState(queue: Queue): Buffer {
  const state = Buffer.allocUnsafe(STATE_BYTES);
  state.writeUInt16LE(VERSION, 0);
  state.writeUInt32LE(queue.lastCrc, 2);
  takeNumbers(queue);
  for (let index = 0, at = 6; index < numbers.length; index++, at += 6) putU48(state, at, numbers[index] ?? 0);
  return state;
}

/** One for all queues: each changes with most commits, and there may be many. */
const numbers = new Float64Array(STATE_NUMBERS);

function takeNumbers({
  next,
  head,
  leasedThrough,
  levels,
  nextOrder,
  live,
  dueCount,
  bytes,
  counts,
  heldCount,
  delays,
  expires,
}: Queue): void {
  const { due, order } = levels.lowest.failed.mark;
  numbers[0] = next;
  numbers[1] = head;
  numbers[2] = leasedThrough;
  numbers[3] = due;
  numbers[4] = order;
  numbers[5] = nextOrder;
  numbers[6] = live;
  numbers[7] = dueCount;
  numbers[8] = bytes;
  numbers[9] = counts.published;
  numbers[10] = counts.acked;
  numbers[11] = counts.dead;
  numbers[12] = counts.expired;
  numbers[13] = counts.purged;
  numbers[14] = counts.redriven;
  numbers[15] = heldCount;
  numbers[16] = delays.count;
  numbers[17] = delays.bytes;
  numbers[18] = expires ? 1 : 0;
  numbers[19] = delays.placedThrough;
}

/** Takes the state that a life before this one left. */
export function restoreState(queue: Queue, stored: Uint8Array): void {
  const state = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  queue.lastCrc = state.readUInt32LE(2);
  const found: number[] = [];
  for (let at = 6; at + 6 <= state.length; at += 6) found.push(state.readUIntLE(at, 6));
  const [next = 1, head = 1, leasedThrough = 0, due = 0, order = 0, nextOrder = 1, live = 0, dueCount = 0, bytes = 0, ...counts] = found;
  queue.next = next;
  queue.durableNext = next;
  queue.logEnd = queue.durableLogEnd = next;
  queue.foundNext = next;
  queue.cursor = head;
  queue.windowEnd = head;
  queue.leasedThrough = queue.leasedThroughDurable = queue.recoverThrough = leasedThrough;
  restoreList(queue, 0, { due, order });
  queue.nextOrder = queue.durableOrder = nextOrder;
  queue.live = live;
  queue.dueCount = dueCount;
  queue.bytes = bytes;
  const [published = 0, acked = 0, dead = 0, expired = 0, purged = 0, redriven = 0, held = 0, ...times] = counts;
  Object.assign(queue.counts, { published, acked, dead, expired, purged, redriven });
  queue.rates.begin(queue.counts);
  // States of earlier versions have fewer numbers.
  const [delayed = 0, delayedBytes = 0, expires = 0, placedThrough = 0] = times;
  queue.heldCount = held;
  queue.delays.count = delayed;
  queue.delays.bytes = delayedBytes;
  queue.delays.placedThrough = placedThrough;
  queue.expires = expires > 0;
  // When the first of them comes is not known before they are looked at.
  if (delayed > 0) queue.delays.horizon.next = 0;
  if (queue.expires) queue.expiry.next = 0;
}

/** Takes how far a due list was leased; its entries are all still to be read. */
export function restoreList(queue: Queue, number: number, mark: DueMark): void {
  const list = queue.levels.list(number);
  list.mark = mark;
  list.markDirty = false;
  list.forgetAll();
}
