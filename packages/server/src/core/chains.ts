import { Fifo, RecordView } from "holdfast-client/protocol";
import type { Block } from "./block.js";
import { Chain, type ChainHead, ParkedMessage } from "./chain.js";
import { ChainAges } from "./chain-ages.js";
import { ChainTable } from "./chain-table.js";
import { BLOCKED, type HeldMessage } from "./held-message.js";
import { isBefore, type Rank } from "./rank.js";
import { isNearer, TimeHeap } from "./time-heap.js";

/** Parked messages of one key that memory keeps in any case, and with room to spare; past it they go to the store. */
const PARKED_PER_KEY_MIN = 4;
const PARKED_PER_KEY = 256;
/**
 * The same of a key that gave so many messages lately. It is not stuck but busy, and once one of its messages went to the store
 * all that come after it do, each at the cost of two commits.
 */
const PARKED_PER_BUSY_KEY = 4_096;
const BUSY_MOVED = 4;
/** Parked messages of one queue that memory keeps, and their bytes. */
const PARKED_MAX = 16_384;
const PARKED_BYTES_MAX = 8 * 1024 * 1024;
/**
 * Where messages of so many keys wait there is enough to do. To look for more costs: what is known of parked messages grows old,
 * and those in flight lie in more blocks, each of which a commit writes a bitmap of.
 */
const WAITING_KEYS_ENOUGH = 768;
/** Past so many times that a queue sends what would wait to the store, whatever its key. */
const OVERFULL = 4;
/**
 * While so many keys move on within that time, nothing more is looked for: there is enough to do. With fewer, most of what
 * is parked belongs to keys that are stuck, and what lies beyond it must not wait for them.
 */
const MOVING_MIN = 64;
const MOVING_MS = 250;
/** Messages of one key that are read from the store at a time. */
export const HELD_LOADED_MAX = 256;

/** What chains of a queue hold that is not in flight. */
export interface ChainCensus {
  /** Given back, and waiting for their time. */
  readonly delayed: number;
  /** Behind others of their key, or blocked. */
  readonly parked: number;
  /** Keys that are held until somebody skips or retries their head. */
  readonly blocked: number;
}

/** The ordered side of a queue: its busy keys, and which of them can give something now. */
export class Chains {
  /** One chain for all messages, which gives them one after the other without waiting for their settlements. */
  readonly fifo: boolean;
  /** Chains that go on in the store, and have nothing left in memory. */
  readonly wanting = new Set<Chain>();
  /** Chains that may go on once the commit that is being filled is durable. */
  #thawing: Chain[] = [];
  /** Sequences of held messages that were in flight when the life before this one ended. */
  readonly leasedBefore = new Set<number>();
  /** What was given back, until that is durable and its chain has it. */
  readonly #returning = new Set<HeldMessage>();
  readonly #chains: ChainTable;
  readonly #ready = new Fifo<Chain>();
  /** Those whose head waits for its time. */
  readonly #waiting = new TimeHeap<Chain>();
  /** Known from the first time on that the oldest had to give way. */
  #ages: ChainAges | undefined;
  /** Commits that are not durable yet and in which something gave way, the one that is being filled among them. */
  #pushing = 0;
  #pushes = false;
  #parked = 0;
  #parkedBytes = 0;
  /** Keys with something parked. */
  #waitingKeys = 0;
  /** Keys that moved on in the present stretch of `MOVING_MS`, and in the one before. */
  #stretch = 0;
  #moving = 0;
  #movedBefore = 0;

  /** @param seed of the hashes of keys: a number that nobody outside knows */
  constructor(fifo: boolean, seed: number) {
    this.fifo = fifo;
    this.#chains = new ChainTable(seed);
  }

  /** The key that orders a record. */
  keyOf(bytes: Uint8Array, start: number, end: number): string {
    if (this.fifo) return "";
    const range = new RecordView(bytes, start, end).keyRange;
    return asBuffer(bytes).toString("utf8", range.start, range.end);
  }

  find(key: string): Chain | undefined {
    return this.#chains.get(key);
  }

  /** The chain of that key; a new one has nothing. */
  of(key: string): Chain {
    let chain = this.#chains.get(key);
    if (chain === undefined) {
      chain = new Chain(key);
      this.#chains.add(chain);
    }
    return chain;
  }

  values(): IterableIterator<Chain> {
    return this.#chains.values();
  }

  /** Whether memory has room for one more message that waits in that chain. */
  hasRoomIn(chain: Chain): boolean {
    // Behind messages that are only in the store nothing may wait in memory: it would be taken for earlier.
    if (chain.moreFrom !== undefined || chain.storing > 0) return false;
    const isShort = this.#isFull(1) && (!this.#isMoving(chain) || this.#isFull(OVERFULL));
    return chain.parkedCount < (isShort ? PARKED_PER_KEY_MIN : this.#parkedMax(chain));
  }

  #parkedMax(chain: Chain): number {
    return chain.movedLately(this.#stretch) < BUSY_MOVED ? PARKED_PER_KEY : PARKED_PER_BUSY_KEY;
  }

  #isFull(times: number): boolean {
    return this.#parked >= PARKED_MAX * times || this.#parkedBytes >= PARKED_BYTES_MAX * times;
  }

  #isMoving(chain: Chain): boolean {
    return chain.movedIn >= this.#stretch - 1;
  }

  /** Until when nothing more is looked for; undefined when the log may be looked through. */
  restsUntil(now: number): number | undefined {
    this.#enterStretch(now);
    const isEnough = this.#waitingKeys >= WAITING_KEYS_ENOUGH || this.#isFull(1);
    if (!isEnough || Math.max(this.#moving, this.#movedBefore) < MOVING_MIN) return undefined;
    return (this.#stretch + 1) * MOVING_MS;
  }

  #enterStretch(now: number): void {
    const stretch = Math.floor(now / MOVING_MS);
    if (stretch === this.#stretch) return;
    this.#movedBefore = stretch === this.#stretch + 1 ? this.#moving : 0;
    this.#moving = 0;
    this.#stretch = stretch;
  }

  /** Counts a key of which a message was leased lately while others wait behind it, once a stretch. */
  #countMoving(chain: Chain): void {
    if (chain.countedIn === this.#stretch || chain.movedIn !== this.#stretch || chain.parkedCount === 0) return;
    chain.countedIn = this.#stretch;
    this.#moving++;
  }

  /** Lets the chain give nothing until the commit that is being filled is durable. */
  freeze(chain: Chain): void {
    chain.frozen++;
    this.#thawing.push(chain);
  }

  get thawing(): readonly Chain[] {
    return this.#thawing;
  }

  /** The chains that were frozen since this was last asked. */
  takeThawing(): readonly Chain[] {
    if (this.#thawing.length === 0) return NONE;
    const thawing = this.#thawing;
    this.#thawing = [];
    return thawing;
  }

  /** What they were frozen for is durable. */
  thaw(chains: readonly Chain[]): void {
    for (const chain of chains) {
      chain.frozen--;
      this.review(chain, 0);
    }
  }

  /** Lets the chain give nothing until the message, which was in flight, is durable in it. */
  giveBack(chain: Chain, message: HeldMessage): void {
    chain.frozen++;
    this.#returning.add(message);
  }

  /** It is durable. */
  returned(chain: Chain, message: HeldMessage): void {
    this.#returning.delete(message);
    // Among what only the store has it is read with that.
    if (chain.moreFrom !== undefined && !isBefore(message, chain.moreFrom)) chain.storedAt(message);
    else chain.hold(message);
    chain.frozen--;
  }

  park(chain: Chain, sequence: number, block: Block, index: number, now: number): void {
    const message = new ParkedMessage(sequence, block, index, chain);
    this.#parked++;
    this.#parkedBytes += sizeOf(message);
    if (chain.parkedCount === 0) this.#waitingKeys++;
    chain.park(message);
    this.#countMoving(chain);
    this.review(chain, now);
  }

  /** Takes a parked message out from among the others. */
  unpark(chain: Chain, sequence: number): void {
    const parked = chain.unpark(sequence);
    if (parked === undefined) return;
    this.#parked--;
    this.#parkedBytes -= sizeOf(parked);
    if (chain.parkedCount === 0) this.#waitingKeys--;
  }

  take(chain: Chain, head: ChainHead, now: number): void {
    this.#takeOut(chain, head);
    this.#enterStretch(now);
    chain.move(this.#stretch);
    this.#countMoving(chain);
  }

  #takeOut(chain: Chain, head: ChainHead): void {
    chain.take(head);
    if (head.block === undefined) return;
    this.#parked--;
    this.#parkedBytes -= sizeOf(head);
    if (chain.parkedCount === 0) this.#waitingKeys--;
  }

  /** The chain in which the oldest message waits of all that wait in one; undefined when none does. */
  get oldestWaiting(): Chain | undefined {
    if (this.#ages === undefined) {
      this.#ages = new ChainAges();
      for (const chain of this.#chains.values()) this.#ages.note(chain);
    }
    return this.#ages.oldest;
  }

  /** Takes out the head of a chain, which is nobody's and gives way. */
  pushOut(chain: Chain, head: ChainHead): void {
    this.#takeOut(chain, head);
    this.review(chain, 0);
  }

  /** Something gives way in the commit that is being filled: what comes after it may be shown to nobody before that is durable. */
  notePush(): void {
    if (this.#pushes) return;
    this.#pushes = true;
    this.#pushing++;
  }

  /** Whether something gives way in the commit that is being sealed. */
  takePush(): boolean {
    const pushes = this.#pushes;
    this.#pushes = false;
    return pushes;
  }

  /** Such a commit is durable. */
  pushed(): void {
    this.#pushing--;
  }

  /** Whether a commit in which something gives way is not durable yet. */
  get isPushing(): boolean {
    return this.#pushing > 0;
  }

  /** Whether the next message of the chain may be leased as far as those before it are concerned. */
  #isFree(chain: Chain): boolean {
    return chain.frozen === 0 && (this.fifo || !chain.isLeasing);
  }

  /** Looks at a chain that changed: forgets it, or puts it where its next message can be found. */
  review(chain: Chain, now: number): void {
    this.#ages?.note(chain);
    if (chain.isEmpty) {
      this.#chains.delete(chain);
      return;
    }
    if (chain.isReady || !this.#isFree(chain)) return;
    const { head } = chain;
    if (head === undefined) {
      if (chain.needsLoading) this.wanting.add(chain);
      return;
    }
    const due = dueOf(head);
    if (due > now) {
      // Once for a time, however many messages come to wait behind it.
      if (due !== BLOCKED && isNearer(due, chain.wake)) chain.wake = this.#waiting.add(due, chain, chain.wake);
      return;
    }
    chain.isReady = true;
    this.#ready.push(chain);
  }

  /** The next chain whose head may be leased. It is to be reviewed once that was taken, or not. */
  next(now: number): Chain | undefined {
    this.promote(now);
    for (let chain = this.#ready.shift(); chain !== undefined; chain = this.#ready.shift()) {
      chain.isReady = false;
      const { head } = chain;
      if (head !== undefined && this.#isFree(chain) && dueOf(head) <= now) return chain;
      this.review(chain, now);
    }
    return undefined;
  }

  /** Makes chains ready whose next message became due. */
  promote(now: number): void {
    for (let chain = this.#waiting.take(now); chain !== undefined; chain = this.#waiting.take(now)) {
      chain.wake = undefined;
      // It may have gone on since; a review finds it as it is.
      if (this.#chains.get(chain.key) === chain) this.review(chain, now);
    }
  }

  /** Since when the oldest message that waits in a chain might have been delivered; Infinity when there is none. */
  get oldest(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { since } of this.#returning) oldest = Math.min(oldest, since);
    for (const chain of this.#chains.values()) oldest = Math.min(oldest, chain.oldest);
    return oldest;
  }

  /** Of a `fifo` queue: the first message that waits for its time, or for somebody's decision, and all behind it with it. */
  waiter(now: number): HeldMessage | undefined {
    let first = this.#chains.get("")?.held.find(({ due }) => due > now);
    for (const message of this.#returning) {
      if (message.due > now && (first === undefined || isBefore(message, first))) first = message;
    }
    return first;
  }

  /** Of a `fifo` queue: messages that wait in memory before that one. */
  countBefore(rank: Rank): number {
    let count = this.#chains.get("")?.countBefore(rank) ?? 0;
    for (const message of this.#returning) if (isBefore(message, rank)) count++;
    return count;
  }

  /** Whether a message of the log waits behind others of its key. */
  isParked(record: Uint8Array, sequence: number): boolean {
    const chain = this.#chains.get(this.keyOf(record, 0, record.length));
    if (chain === undefined || chain.isLeased(sequence)) return false;
    return chain.parks(sequence) && !(this.#isFree(chain) && chain.head?.block !== undefined && chain.parkedFrom === sequence);
  }

  /** When the next held message becomes due. */
  get nextDue(): number | undefined {
    return this.#waiting.next;
  }

  /** Of a `fifo` queue: whether something has to go before what the log has next. */
  get isHeld(): boolean {
    const chain = this.#chains.get("");
    return chain !== undefined && (chain.frozen > 0 || chain.storing > 0 || chain.head !== undefined || chain.needsLoading);
  }

  /** Takes what was read of a chain's messages in the store, from `chain.moreFrom` on; `complete` when there are no more. */
  load(chain: Chain, messages: readonly HeldMessage[], complete: boolean, now: number): void {
    const meanwhile = chain.storedMeanwhile;
    chain.storedMeanwhile = undefined;
    chain.reading = false;
    chain.moreFrom = complete ? undefined : following(messages.at(-1) ?? chain.moreFrom);
    for (const message of messages) {
      // What was stored during the read may be in it or not, so from there on it is read again.
      if (meanwhile === undefined || isBefore(message, meanwhile)) chain.hold(message);
    }
    if (meanwhile !== undefined) chain.storedAt(meanwhile);
    this.review(chain, now);
  }

  /** Counts what waits; `heldCount` messages have a store entry, in memory or not, waiting or in flight. */
  census(now: number, heldCount: number): ChainCensus {
    let delayed = 0;
    let parked = heldCount + this.#parked;
    let blocked = 0;
    for (const chain of this.#chains.values()) {
      for (const { place } of chain.leases) if (place.entry !== undefined) parked--;
      const { head } = chain;
      if (head === undefined) continue;
      const due = dueOf(head);
      if (due === BLOCKED) blocked++;
      else if (due > now) {
        delayed++;
        parked--;
      } else if (this.#isFree(chain)) parked--;
    }
    // Their chains give nothing before they have them.
    for (const { due } of this.#returning) {
      if (due === BLOCKED) blocked++;
      else if (due > now) {
        delayed++;
        parked--;
      }
    }
    return { delayed, parked, blocked };
  }
}

const NONE: readonly Chain[] = [];

const asBuffer = (bytes: Uint8Array): Buffer =>
  bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Not leased before this time. */
const dueOf = (head: ChainHead): number => (head.block === undefined ? head.due : 0);

const sizeOf = ({ block, index }: ParkedMessage): number => block.stop(index) - block.start(index);

const following = (rank: Rank | undefined): Rank | undefined => rank && { sequence: rank.sequence + 1 };
