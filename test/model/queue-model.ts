/** What the model says of a message that is not settled. */
export interface ModelMessage {
  readonly name: string;
  readonly sequence: number;
  /** Attempts that were counted, without the one in flight. */
  attempts: number;
  /** Whether it was ever leased, but for leases that a graceful end took back. */
  leased: boolean;
  /** The lease it is in flight under; undefined while it waits. */
  lease: ModelLease | undefined;
  /** It waits: not before `dueMin`, and surely no longer from `dueMax` on. */
  dueMin: number;
  dueMax: number;
}

interface ModelLease {
  readonly number: number;
  readonly consumer: ModelConsumer;
  until: number;
}

export interface ModelConsumer {
  readonly number: number;
  readonly maxInFlight: number;
  readonly held: Map<number, ModelMessage>;
  /** Lease numbers that are over. */
  readonly over: number[];
}

export interface ModelOptions {
  readonly leaseMs: number;
  readonly maxAttempts: number;
  readonly backoffMs: number;
}

/** What happened to messages that left the queue. */
export interface ModelDeath {
  readonly name: string;
  readonly reason: "rejected" | "attempts";
  readonly attempts: number;
}

/**
 * One queue as DESIGN.md describes it, in the plainest way there is: a map of messages and no cleverness. It knows nothing
 * of how the engine works, and asks for nothing that is not promised.
 */
export class QueueModel {
  readonly messages = new Map<string, ModelMessage>();
  readonly dead: ModelDeath[] = [];
  readonly acked = new Set<string>();
  consumers: ModelConsumer[] = [];
  published = 0;
  lastSequence = 0;
  /** Receipts by chosen id. */
  readonly ids = new Map<string, { readonly body: string; readonly sequence: number }>();
  /** Receipts by producer number, from 1 on. */
  readonly produced: { readonly name: string; readonly sequence: number }[] = [];
  readonly options: ModelOptions;

  constructor(options: ModelOptions) {
    this.options = options;
  }

  store(name: string, sequence: number): void {
    this.messages.set(name, { name, sequence, attempts: 0, leased: false, lease: undefined, dueMin: 0, dueMax: 0 });
    this.lastSequence = sequence;
    this.published++;
  }

  /** Messages that may be leased at `now`, and those that must be to be had. */
  waiting(now: number): { may: ModelMessage[]; must: ModelMessage[] } {
    const waiting = [...this.messages.values()].filter(({ lease }) => lease === undefined);
    return { may: waiting.filter(({ dueMin }) => dueMin <= now), must: waiting.filter(({ dueMax }) => dueMax <= now) };
  }

  lease(message: ModelMessage, consumer: ModelConsumer, number: number, now: number): void {
    message.lease = { number, consumer, until: now + this.options.leaseMs };
    message.leased = true;
    consumer.held.set(number, message);
  }

  /** Ends a lease, if there is one; the number is stale from here on. */
  #end(message: ModelMessage): void {
    if (message.lease === undefined) return;
    const { consumer, number } = message.lease;
    consumer.held.delete(number);
    consumer.over.push(number);
    message.lease = undefined;
  }

  ack(message: ModelMessage): void {
    this.#end(message);
    this.messages.delete(message.name);
    this.acked.add(message.name);
  }

  reject(message: ModelMessage): void {
    this.#end(message);
    this.#bury(message, "rejected", message.attempts + 1);
  }

  #bury(message: ModelMessage, reason: "rejected" | "attempts", attempts: number): void {
    this.messages.delete(message.name);
    this.dead.push({ name: message.name, reason, attempts });
  }

  /** The message comes again, uncounted. */
  release(message: ModelMessage): void {
    this.#end(message);
  }

  /** The attempt counts; the message waits until a time between the two, if it has attempts left. */
  fail(message: ModelMessage, dueMin: number, dueMax: number): void {
    this.#end(message);
    message.attempts++;
    message.dueMin = dueMin;
    message.dueMax = dueMax;
    if (message.attempts >= this.options.maxAttempts) this.#bury(message, "attempts", message.attempts);
  }

  /** Leases whose time is over at `now`. */
  overdue(now: number): ModelMessage[] {
    return [...this.messages.values()].filter(({ lease }) => lease !== undefined && lease.until <= now);
  }

  detach(consumer: ModelConsumer, counted: boolean, now: number): void {
    for (const message of [...consumer.held.values()]) {
      if (counted) this.fail(message, now, now);
      else this.release(message);
    }
    this.consumers = this.consumers.filter((other) => other !== consumer);
  }

  /**
   * The engine's life ends: gracefully, which counts nothing, or not.
   *
   * An engine may write ahead what its consumers had room for as if it were leased already: a crash cannot tell the two
   * apart. So messages that were never leased may count, as many as the consumers could hold.
   *
   * @param countedAhead the names of those that did, as far as is known
   */
  restart(graceful: boolean, now: number, countedAhead: readonly string[] = []): void {
    const room = graceful ? 0 : this.consumers.reduce((sum, { maxInFlight }) => sum + maxInFlight, 0);
    if (countedAhead.length > room) throw new Error(`${countedAhead.join(" ")} were never leased, and count an attempt`);
    for (const message of [...this.messages.values()]) {
      if (message.lease === undefined && !countedAhead.includes(message.name)) continue;
      if (graceful) this.release(message);
      else this.fail(message, now, now + this.options.backoffMs);
      message.leased = !graceful;
    }
    this.consumers = [];
  }

  inFlight(): number {
    return [...this.messages.values()].filter(({ lease }) => lease !== undefined).length;
  }
}
