import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { Leased, QueueAddress } from "./engine.js";
import type { Seat } from "./line.js";

/** Why a consumer ended without having asked for it. */
export type CancelReason = "cancelled" | "deleted" | "engine-restarted" | "forbidden" | "unresponsive" | "resumed" | "shutting-down";

/** Where the deliveries of a consumer go: a socket, by events or by frames, or a handler in this process. */
export interface Sink {
  /** Whether its consumer lives on when the engine starts a new life; its deliveries do not. */
  readonly survivesRestart: boolean;
  /** Consecutive expiries after which its consumer is cancelled. */
  readonly expiriesMax: number;
  /** What it is to hand over one message, where one in a frame is 1. */
  readonly messageEffort: number;
  /**
   * Takes room for one lease call and returns how many messages it may bring, at most `count`: 0, and no room taken,
   * while so much waits for the peer that leases would burn there.
   */
  reserve(count: number): number;
  /** That lease call is over, and delivered if it brought anything. */
  free(): void;
  /** Calls `wake` once when `reserve` is worth another try. */
  whenRoom(wake: () => void): void;
  /** What the peer answered already takes effect before anything else of its consumer does. */
  flush(): void;
  /** Hands deliveries over. Their bytes are to be read before it returns. */
  deliver(consumer: Consumer, batch: readonly Leased[], leaseMs: number): void;
  /** These leases ended without the sink's doing: they ran out, or were settled by name. */
  ended(leases: Iterable<number>): void;
  /** All leases ended: the engine began a new life. */
  endedAll(): void;
  /** Continues the deliveries of the sink that the consumer had before. */
  takeOver(consumer: Consumer, previous: Sink): void;
  /** Resolves when nobody in this process works on its deliveries any more. */
  drained(): Promise<void>;
  /** The consumer is gone, or another sink's; the peer is told why, unless it asked itself (undefined). */
  closed(consumer: Consumer, reason: CancelReason | undefined): void;
}

export interface ConsumerOptions {
  readonly maxInFlight: number;
  /** Who holds it; undefined when the peer did not say who it is. */
  readonly identity: string | undefined;
}

let nextHandle = randomBytes(4).readUInt32LE(0);

/**
 * One attachment to a queue.
 *
 * - `attached`: its sink takes deliveries.
 * - `away`: its socket is gone; nothing is leased to it until it is resumed or its grace is over.
 * - `gone`: cancelled, or its grace is over. For good.
 *
 * Its `number` is the engine's and undefined between two lives of the engine.
 */
export class Consumer {
  /** Random, so that who knows it may resume the consumer. */
  readonly id = randomBytes(16).toString("base64url");
  readonly address: QueueAddress;
  readonly maxInFlight: number;
  readonly identity: string | undefined;
  /** The lease call under way, if any; the dispatcher's. */
  leasing: Promise<void> | undefined;
  /** Where it waits for messages, while it may be given some; the dispatcher's. */
  seat: Seat | undefined;
  #state: "attached" | "away" | "gone" = "attached";
  #sink: Sink;
  #number: number | undefined;
  #handle = 0;

  constructor(address: QueueAddress, options: ConsumerOptions, sink: Sink, number: number) {
    this.address = address;
    this.maxInFlight = options.maxInFlight;
    this.identity = options.identity;
    this.#sink = sink;
    this.enterLife(number);
  }

  get state(): "attached" | "away" | "gone" {
    return this.#state;
  }

  get sink(): Sink {
    return this.#sink;
  }

  get number(): number | undefined {
    return this.#number;
  }

  /** What frames call it: like `number`, but never given twice by a process, whatever its engine does. */
  get handle(): number {
    return this.#handle;
  }

  enterLife(number: number): void {
    assert(this.#state !== "gone" && this.#number === undefined);
    this.#number = number;
    this.#handle = nextHandle;
    nextHandle = (nextHandle + 1) >>> 0;
  }

  leaveLife(): void {
    this.#number = undefined;
  }

  leave(): void {
    assert(this.#state === "attached");
    this.#state = "away";
  }

  /** A new sink takes over; returns the one before. */
  resume(sink: Sink): Sink {
    assert(this.#state !== "gone");
    const previous = this.#sink;
    sink.takeOver(this, previous);
    this.#state = "attached";
    this.#sink = sink;
    return previous;
  }

  end(): void {
    assert(this.#state !== "gone");
    this.#state = "gone";
    this.#number = undefined;
  }
}
