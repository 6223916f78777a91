import type { Leased } from "../engine.js";
import type { Block } from "./block.js";
import type { Chain } from "./chain.js";
import type { Consumer } from "./consumer.js";
import type { DueMessage } from "./due-list.js";
import type { HeldMessage } from "./held-message.js";

/**
 * Where a leased message lies: in a block of the log (its first attempt), in the due list (any later one), or, of an
 * ordered queue, among the held ones of its chain.
 */
export type Place =
  | {
      readonly block: Block;
      readonly index: number;
      readonly chain?: Chain | undefined;
      readonly due?: undefined;
      readonly entry?: undefined;
    }
  | {
      readonly due: DueMessage;
      readonly block?: undefined;
      readonly index?: undefined;
      readonly chain?: undefined;
      readonly entry?: undefined;
    }
  | {
      readonly entry: HeldMessage;
      readonly chain: Chain;
      readonly block?: undefined;
      readonly index?: undefined;
      readonly due?: undefined;
    };

/** The exclusive right of a consumer to settle one delivery. Dropped once it is settled or ran out. */
export class Lease implements Leased {
  readonly lease: number;
  readonly consumer: Consumer;
  readonly sequence: number;
  readonly attempt: number;
  readonly publishedAt: number;
  readonly place: Place;
  leaseUntil: number;
  /** Nobody was given it yet: that waits for a commit. Should it end before, it counts no attempt. */
  waits = false;
  /** The block's bytes, or the record alone for a message of the due list; let go once it was handed over. */
  held: Uint8Array | undefined;
  /** Where the record lies in these. The block may be written anew meanwhile, so its own places are not asked. */
  readonly start: number;
  readonly end: number;

  constructor(
    lease: number,
    consumer: Consumer,
    sequence: number,
    attempt: number,
    publishedAt: number,
    leaseUntil: number,
    place: Place,
    source: Block | Uint8Array,
  ) {
    this.lease = lease;
    this.consumer = consumer;
    this.sequence = sequence;
    this.attempt = attempt;
    this.publishedAt = publishedAt;
    this.leaseUntil = leaseUntil;
    this.place = place;
    const record = source instanceof Uint8Array;
    this.held = record ? source : source.bytes;
    this.start = record ? 0 : source.start(place.index ?? 0);
    this.end = record ? source.length : source.stop(place.index ?? 0);
  }

  get bytes(): Uint8Array {
    if (this.held === undefined) throw new Error(`the bytes of lease ${this.lease} were read too late`);
    return this.held;
  }

  get leaseMs(): number {
    return this.consumer.queue.options.leaseMs;
  }

  /** When the message might have been delivered first. */
  get since(): number {
    const { block, due, entry } = this.place;
    return (block ?? due ?? entry).since;
  }

  /** Bytes of the record. */
  get size(): number {
    return this.end - this.start;
  }
}
