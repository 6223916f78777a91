import type { Leased } from "../engine.js";
import type { Block } from "./block.js";
import type { Consumer } from "./consumer.js";
import type { DueMessage } from "./due-list.js";

/** Where a leased message lies: in a block of the log (its first attempt), or in the due list (any later one). */
export type Place =
  | { readonly block: Block; readonly index: number; readonly due?: undefined }
  | { readonly due: DueMessage; readonly block?: undefined };

/** The exclusive right of a consumer to settle one delivery. Dropped once it is settled or ran out. */
export class Lease implements Leased {
  readonly lease: number;
  readonly consumer: Consumer;
  readonly sequence: number;
  readonly attempt: number;
  readonly publishedAt: number;
  readonly place: Place;
  leaseUntil: number;
  /** The record alone, when it does not lie in a block in memory; let go after it was handed over. */
  record: Uint8Array | undefined;

  constructor(lease: number, consumer: Consumer, sequence: number, attempt: number, publishedAt: number, leaseUntil: number, place: Place) {
    this.lease = lease;
    this.consumer = consumer;
    this.sequence = sequence;
    this.attempt = attempt;
    this.publishedAt = publishedAt;
    this.leaseUntil = leaseUntil;
    this.place = place;
  }

  get bytes(): Uint8Array {
    const bytes = this.record ?? this.place.block?.bytes;
    if (bytes === undefined) throw new Error(`the bytes of lease ${this.lease} were read too late`);
    return bytes;
  }

  get start(): number {
    return this.record !== undefined || this.place.block === undefined ? 0 : this.place.block.start(this.place.index);
  }

  get end(): number {
    const { record, place } = this;
    if (record !== undefined) return record.length;
    return place.block === undefined ? 0 : place.block.start(place.index + 1);
  }

  /** Bytes of the record. */
  get size(): number {
    const { block, due } = this.place;
    return block === undefined ? due.size : block.start(this.place.index + 1) - block.start(this.place.index);
  }
}
