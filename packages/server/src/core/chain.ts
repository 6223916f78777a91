import { Fifo } from "holdfast-client/protocol";
import type { Block } from "./block.js";
import type { HeldMessage } from "./held-message.js";
import type { Lease } from "./lease.js";
import { isBefore, type Rank } from "./rank.js";

/** A message that waits in a block of the log behind others of its key. */
export interface ParkedMessage extends Rank {
  readonly block: Block;
  readonly index: number;
}

/** What a chain gives next. */
export type ChainHead =
  | { readonly parked: ParkedMessage; readonly held?: undefined }
  | { readonly held: HeldMessage; readonly parked?: undefined };

/**
 * The messages of one ordering key that have to be kept in order: in flight, given back, or waiting behind those. Of a
 * `fifo` queue there is one chain, for all messages. A key with nothing of that has no chain.
 */
export class Chain {
  readonly key: string;
  /** In flight, in order. With ordering by key at most one. */
  readonly leases = new Set<Lease>();
  /** Changes that are not durable yet, and without which the next one may not be leased. */
  frozen = 0;
  /** Messages on their way to the store that are not durable yet. */
  storing = 0;
  /** With an entry in the store, as far as they are in memory, in order. */
  readonly held: HeldMessage[] = [];
  /** The store has entries from this rank on that memory has not. */
  moreFrom: Rank | undefined;
  /** A read of them is under way; the lowest rank stored since it began. */
  reading = false;
  storedMeanwhile: Rank | undefined;
  /** In which stretch of time a message of it was last leased, and in which it was counted for that: see `Chains`. */
  movedIn = -1;
  countedIn = -1;
  /** Among those that can give something. */
  isReady = false;
  #parked: Fifo<ParkedMessage> | undefined;

  constructor(key: string) {
    this.key = key;
  }

  get parkedCount(): number {
    return this.#parked?.length ?? 0;
  }

  /** The first sequence that waits in it as it was stored; Infinity when none does. */
  get parkedFrom(): number {
    return this.#parked?.at(0)?.sequence ?? Number.POSITIVE_INFINITY;
  }

  get isEmpty(): boolean {
    const waits = this.held.length > 0 || this.moreFrom !== undefined || this.parkedCount > 0;
    return !waits && this.leases.size === 0 && this.frozen === 0 && this.storing === 0;
  }

  /** Since when the oldest message that waits in it might have been delivered; Infinity when there is none. */
  get oldest(): number {
    const times = [this.held[0]?.since, this.#parked?.at(0)?.block.since];
    return Math.min(...times.map((time) => time ?? Number.POSITIVE_INFINITY));
  }

  isLeased(sequence: number): boolean {
    for (const lease of this.leases) if (lease.sequence === sequence) return true;
    return false;
  }

  /** Whether a message with that sequence waits here in memory. */
  parks(sequence: number): boolean {
    const last = this.#parked?.at(this.parkedCount - 1);
    const first = this.#parked?.at(0);
    return first !== undefined && last !== undefined && first.sequence <= sequence && sequence <= last.sequence;
  }

  park(message: ParkedMessage): void {
    this.#parked ??= new Fifo();
    this.#parked.push(message);
  }

  /** Takes out a message that waits in memory; undefined when there is none. */
  unpark(sequence: number): ParkedMessage | undefined {
    const parked = this.#parked?.clear() ?? [];
    for (const message of parked) if (message.sequence !== sequence) this.#parked?.push(message);
    return parked.find((message) => message.sequence === sequence);
  }

  /** Takes out a message with an entry in the store, if memory has it. */
  unhold(sequence: number): void {
    const at = this.held.findIndex((message) => message.sequence === sequence);
    if (at !== -1) this.held.splice(at, 1);
  }

  /** Adds a message that is in the store now, at its place. */
  hold(message: HeldMessage): void {
    let at = this.held.length;
    for (let before = this.held[at - 1]; before !== undefined && isBefore(message, before); before = this.held[at - 1]) at--;
    this.held.splice(at, 0, message);
  }

  /** Notes that the store has a message that memory has not. */
  storedAt(rank: Rank): void {
    if (this.reading && (this.storedMeanwhile === undefined || isBefore(rank, this.storedMeanwhile))) this.storedMeanwhile = rank;
    if (this.moreFrom === undefined || isBefore(rank, this.moreFrom)) this.moreFrom = rank;
    // What comes after it is read again with it.
    const after = this.held.findIndex((message) => !isBefore(message, rank));
    if (after !== -1) this.held.length = after;
  }

  /** What comes next; undefined when there is nothing, or when the store has to be asked first. */
  get head(): ChainHead | undefined {
    const held = this.held[0];
    const parked = this.#parked?.at(0);
    const more = this.moreFrom;
    if (held !== undefined && (parked === undefined || isBefore(held, parked))) {
      return more === undefined || isBefore(held, more) ? { held } : undefined;
    }
    return parked !== undefined && (more === undefined || isBefore(parked, more)) ? { parked } : undefined;
  }

  /** Whether the store must be read before it can go on. */
  get needsLoading(): boolean {
    return this.moreFrom !== undefined && this.head === undefined;
  }

  /** Takes what `head` gave. */
  take({ parked }: ChainHead): void {
    if (parked === undefined) this.held.shift();
    else this.#parked?.shift();
  }
}
