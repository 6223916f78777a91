import type { Block } from "./block.js";
import type { HeldMessage } from "./held-message.js";
import type { Lease } from "./lease.js";
import { isBefore, type Rank } from "./rank.js";
import type { Wake } from "./time-heap.js";

/** A message that waits in a block of the log behind others of its key; its lease says by it where it lies, then. */
export class ParkedMessage implements Rank {
  readonly sequence: number;
  readonly block: Block;
  readonly index: number;
  readonly chain: Chain;
  /** The one that was parked after it. */
  next: ParkedMessage | undefined;

  constructor(sequence: number, block: Block, index: number, chain: Chain) {
    this.sequence = sequence;
    this.block = block;
    this.index = index;
    this.chain = chain;
    this.next = undefined;
  }
}

/** What a chain gives next: `block` tells which of them it is. */
export type ChainHead = ParkedMessage | HeldMessage;

/**
 * The messages of one ordering key that have to be kept in order: in flight, given back, or waiting behind those. Of a
 * `fifo` queue there is one chain, for all messages. A key with nothing of that has no chain.
 */
export class Chain {
  readonly key: string;
  /** In flight. With ordering by key there is at most one, and a set for it would cost more than all else of a chain. */
  #lease: Lease | undefined;
  /** Those leased while others were in flight, in order. */
  #laterLeases: Set<Lease> | undefined;
  /** Changes that are not durable yet, and without which the next one may not be leased. */
  frozen = 0;
  /** Messages on their way to the store that are not durable yet. */
  storing = 0;
  /** With an entry in the store, as far as they are in memory, in order. Most chains never have any. */
  #held: HeldMessage[] | undefined;
  /** The store has entries from this rank on that memory has not. */
  moreFrom: Rank | undefined;
  /** A read of them is under way; the lowest rank stored since it began. */
  reading = false;
  storedMeanwhile: Rank | undefined;
  /** In which stretch of time a message of it was last leased, and in which it was counted for that: see `Chains`. */
  movedIn = -1;
  countedIn = -1;
  /** How many were leased in that stretch, and in the one before it. */
  #moved = 0;
  #movedBefore = 0;
  /** The next one of its bucket in the table of chains. */
  nextInBucket: Chain | undefined = undefined;
  /** Among those that can give something. */
  isReady = false;
  /** When a head that waits for its time is looked at. */
  wake: Wake<Chain> | undefined = undefined;
  /** How many messages wait in memory as they were stored, linked from the first to the last. */
  parkedCount = 0;
  #first: ParkedMessage | undefined;
  #last: ParkedMessage | undefined;

  constructor(key: string) {
    this.key = key;
  }

  get held(): readonly HeldMessage[] {
    return this.#held ?? NONE;
  }

  /** The first sequence that waits in it as it was stored; Infinity when none does. */
  get parkedFrom(): number {
    return this.#first?.sequence ?? Number.POSITIVE_INFINITY;
  }

  /** The first sequence that waits in it, in memory or in the store; Infinity when none does. */
  get waitingFrom(): number {
    const never = Number.POSITIVE_INFINITY;
    return Math.min(this.held[0]?.sequence ?? never, this.parkedFrom, this.moreFrom?.sequence ?? never);
  }

  get isEmpty(): boolean {
    return this.isOver && this.frozen === 0;
  }

  /** Since when the oldest message that waits in it might have been delivered; Infinity when there is none. */
  get oldest(): number {
    const never = Number.POSITIVE_INFINITY;
    return Math.min(this.held[0]?.since ?? never, this.#first?.block.since ?? never);
  }

  /** Whether it only waits for a commit, and has nothing to give then. */
  get isOver(): boolean {
    if (this.parkedCount > 0 || this.moreFrom !== undefined || this.held.length > 0) return false;
    return !this.isLeasing && this.storing === 0;
  }

  /** Whether something of it is in flight. */
  get isLeasing(): boolean {
    return this.#lease !== undefined || (this.#laterLeases !== undefined && this.#laterLeases.size > 0);
  }

  /** What is in flight, in order. */
  get leases(): Lease[] {
    const first = this.#lease === undefined ? [] : [this.#lease];
    return this.#laterLeases === undefined ? first : [...first, ...this.#laterLeases];
  }

  isLeased(sequence: number): boolean {
    return this.leases.some((lease) => lease.sequence === sequence);
  }

  addLease(lease: Lease): void {
    if (this.isLeasing) {
      this.#laterLeases ??= new Set();
      this.#laterLeases.add(lease);
    } else {
      this.#lease = lease;
    }
  }

  endLease(lease: Lease): void {
    if (this.#lease === lease) this.#lease = undefined;
    else this.#laterLeases?.delete(lease);
  }

  /** Whether a message with that sequence waits here in memory. */
  parks(sequence: number): boolean {
    const [first, last] = [this.#first, this.#last];
    return first !== undefined && last !== undefined && first.sequence <= sequence && sequence <= last.sequence;
  }

  /** How many messages wait in memory before that one. */
  countBefore(rank: Rank): number {
    let count = this.held.filter((message) => isBefore(message, rank)).length;
    for (let message = this.#first; message !== undefined && isBefore(message, rank); message = message.next) count++;
    return count;
  }

  park(message: ParkedMessage): void {
    if (this.#last === undefined) this.#first = message;
    else this.#last.next = message;
    this.#last = message;
    this.parkedCount++;
  }

  /** Takes out a message that waits in memory; undefined when there is none. */
  unpark(sequence: number): ParkedMessage | undefined {
    let before: ParkedMessage | undefined;
    let message = this.#first;
    while (message !== undefined && message.sequence !== sequence) {
      before = message;
      message = message.next;
    }
    if (message !== undefined) this.#unlink(before, message);
    return message;
  }

  #unlink(before: ParkedMessage | undefined, message: ParkedMessage): void {
    if (before === undefined) this.#first = message.next;
    else before.next = message.next;
    if (message.next === undefined) this.#last = before;
    message.next = undefined;
    this.parkedCount--;
  }

  /** Takes out a message with an entry in the store, if memory has it. */
  unhold(sequence: number): void {
    const at = this.held.findIndex((message) => message.sequence === sequence);
    if (at !== -1) this.#held?.splice(at, 1);
  }

  /** Adds a message that is in the store now, at its place. */
  hold(message: HeldMessage): void {
    this.#held ??= [];
    let at = this.#held.length;
    for (let before = this.#held[at - 1]; before !== undefined && isBefore(message, before); before = this.#held[at - 1]) at--;
    this.#held.splice(at, 0, message);
  }

  /** Notes that the store has a message that memory has not. */
  storedAt(rank: Rank): void {
    if (this.reading && (this.storedMeanwhile === undefined || isBefore(rank, this.storedMeanwhile))) this.storedMeanwhile = rank;
    if (this.moreFrom === undefined || isBefore(rank, this.moreFrom)) this.moreFrom = rank;
    // What comes after it is read again with it.
    const after = this.held.findIndex((message) => !isBefore(message, rank));
    if (after !== -1) this.#held?.splice(after);
  }

  /** What comes next; undefined when there is nothing, or when the store has to be asked first. */
  get head(): ChainHead | undefined {
    const held = this.#held?.[0];
    const parked = this.#first;
    const next = held !== undefined && (parked === undefined || isBefore(held, parked)) ? held : parked;
    return next !== undefined && (this.moreFrom === undefined || isBefore(next, this.moreFrom)) ? next : undefined;
  }

  /** Whether the store must be read before it can go on. */
  get needsLoading(): boolean {
    return this.moreFrom !== undefined && this.head === undefined;
  }

  /** A message of it is leased in that stretch of time. */
  move(stretch: number): void {
    if (this.movedIn !== stretch) {
      this.#movedBefore = this.movedIn === stretch - 1 ? this.#moved : 0;
      this.#moved = 0;
      this.movedIn = stretch;
    }
    this.#moved++;
  }

  /** How many messages of it were leased in that stretch and the one before. */
  movedLately(stretch: number): number {
    if (this.movedIn === stretch) return this.#moved + this.#movedBefore;
    return this.movedIn === stretch - 1 ? this.#moved : 0;
  }

  /** Takes what `head` gave. */
  take(head: ChainHead): void {
    if (head.block === undefined) this.#held?.shift();
    else this.#unlink(undefined, head);
  }
}

const NONE: readonly HeldMessage[] = [];
