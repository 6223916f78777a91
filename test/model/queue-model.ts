import type { ModelConsumer } from "./consumer.js";
import { type ModelDeath, type ModelMessage, newMessage, type State } from "./message.js";
import { headsOf, type Ordering } from "./order.js";

/** How the queue under test is defined. */
export interface ModelOptions {
  readonly ordering: Ordering;
  readonly poison: "dead-letter" | "block";
  /** 0: no limit. */
  readonly maxAttempts: number;
  /** 0: no limit. */
  readonly depthMax: number;
  readonly overflow: "reject" | "dead-letter-oldest";
  readonly leaseMs: number;
  readonly backoffMs: number;
  readonly dedupWindowMs: number;
}

/**
 * One queue as DESIGN.md describes it, in the plainest way there is: a list of messages in the order of their sequences,
 * each with its state, and no cleverness. It knows nothing of how the engine works, and asks for nothing that is not
 * promised.
 */
export class QueueModel {
  readonly options: ModelOptions;
  /** Every message there ever was. */
  readonly messages: ModelMessage[] = [];
  consumers: ModelConsumer[] = [];
  paused = false;
  /** A new life may have to read its oldest messages, until one of them was seen to give way. */
  mayBeReading = false;
  /** Names given to messages so far, so that each has its own. */
  named = 0;
  /** The highest lease number of this life. */
  lastLease = 0;
  /** Receipts by chosen id. */
  readonly ids = new Map<string, { readonly body: string; readonly sequence: number; readonly storedAt: number }>();
  /** Receipts by producer number, from 1 on. */
  readonly produced: { readonly name: string; readonly key: string; readonly sequence: number }[] = [];
  /** What happened, line by line. */
  readonly story: string[] = [];

  constructor(options: ModelOptions) {
    this.options = options;
  }

  tell(line: string): void {
    this.story.push(line);
  }

  in(...states: State[]): ModelMessage[] {
    return this.messages.filter(({ state }) => states.includes(state));
  }

  /** Messages that wait or are in flight. */
  get live(): ModelMessage[] {
    return this.in("waiting", "in-flight", "blocked");
  }

  get inFlight(): ModelMessage[] {
    return this.in("in-flight");
  }

  // --- publish -------------------------------------------------------------------------------------------------

  get lastSequence(): number {
    return this.messages.at(-1)?.sequence ?? 0;
  }

  store(name: string, key: string, sequence: number): void {
    if (sequence <= this.lastSequence) throw new Error(`${name} got sequence ${sequence}, after ${this.lastSequence}: P5 sequences rise`);
    this.messages.push(newMessage(name, key, sequence));
  }

  /** Whether one message more can be stored, with or without an older one that gives way. */
  canTake(): boolean {
    const { depthMax, overflow } = this.options;
    const staying = overflow === "reject" ? this.live : this.inFlight;
    return depthMax === 0 || staying.length < depthMax;
  }

  /** The oldest that wait give way to one message more, where the limit says so. */
  makeRoom(): void {
    const { depthMax } = this.options;
    while (depthMax > 0 && this.live.length >= depthMax) {
      const [oldest] = this.in("waiting");
      if (oldest === undefined) throw new Error("D1: the queue is full, and nothing could give way");
      this.bury(oldest, "overflow", oldest.attempts);
      this.mayBeReading = false;
    }
  }

  // --- order ---------------------------------------------------------------------------------------------------

  heads(): ModelMessage[] {
    return headsOf(this.live, this.options.ordering);
  }

  isHead(message: ModelMessage): boolean {
    return this.heads().includes(message);
  }

  /** Messages that may be leased at `now`. */
  leasable(now: number): ModelMessage[] {
    return this.paused ? [] : this.heads().filter(({ state, dueMin }) => state === "waiting" && dueMin <= now);
  }

  /** How many messages are sure to be had at `now`. */
  leasableCount(now: number): number {
    const isReady = ({ state, dueMax }: ModelMessage): boolean => state === "waiting" && dueMax <= now;
    if (this.paused) return 0;
    if (this.options.ordering !== "fifo") return this.heads().filter(isReady).length;
    // One may follow the other at once.
    const waiting = this.in("waiting", "blocked");
    const until = waiting.findIndex((message) => !isReady(message));
    return until === -1 ? waiting.length : until;
  }

  // --- leases --------------------------------------------------------------------------------------------------

  /** How many more messages the consumer may hold; of a `fifo` queue one consumer holds all, the one attached longest. */
  capacity(consumer: ModelConsumer): number {
    if (this.options.ordering === "fifo" && consumer !== this.consumers[0]) return 0;
    return consumer.maxInFlight - consumer.held.size;
  }

  lease(message: ModelMessage, consumer: ModelConsumer, number: number, now: number): void {
    message.state = "in-flight";
    message.lease = { number, consumer, until: now + this.options.leaseMs };
    message.unseen = "no";
    consumer.held.set(number, message);
    this.lastLease = number;
  }

  /** Ends a lease, if there is one; the number is stale from here on. */
  #end(message: ModelMessage, state: State): void {
    if (message.lease !== undefined) {
      const { consumer, number } = message.lease;
      consumer.held.delete(number);
      consumer.over.push(number);
    }
    message.lease = undefined;
    message.state = state;
  }

  ack(message: ModelMessage): void {
    this.#end(message, "acked");
    this.#markNext(message);
  }

  reject(message: ModelMessage): void {
    this.bury(message, "rejected", message.attempts + 1);
  }

  bury(message: ModelMessage, reason: ModelDeath["reason"], attempts: number): void {
    this.#end(message, "dead");
    message.death = { reason, attempts };
    this.#markNext(message);
  }

  /** The message comes again, uncounted, and what was leased after it in its order too. */
  release(message: ModelMessage): void {
    this.#comeAgain(message, 0, 0);
    this.#takeBackAfter(message);
  }

  /** The attempt counts; the message waits until a time between the two, if it has attempts left. */
  fail(message: ModelMessage, dueMin: number, dueMax: number): void {
    const { maxAttempts, poison } = this.options;
    message.attempts++;
    if (maxAttempts === 0 || message.attempts < maxAttempts) this.#comeAgain(message, dueMin, dueMax);
    else if (poison === "block") this.#end(message, "blocked");
    else this.bury(message, "attempts", message.attempts);
    if (message.state !== "dead") this.#takeBackAfter(message);
  }

  #comeAgain(message: ModelMessage, dueMin: number, dueMax: number): void {
    this.#end(message, "waiting");
    message.dueMin = dueMin;
    message.dueMax = dueMax;
    message.fresh = false;
  }

  /** O1, `fifo`: later tokens go stale, and their messages come again uncounted. */
  #takeBackAfter({ sequence }: ModelMessage): void {
    if (this.options.ordering !== "fifo") return;
    for (const later of this.inFlight) if (later.sequence > sequence) this.#comeAgain(later, 0, 0);
  }

  /** Leases that run out one after the other until `now`; returns their numbers. */
  expire(now: number): number[] {
    const over: number[] = [];
    for (;;) {
      const at = Math.min(...this.inFlight.map(({ lease }) => lease?.until ?? Number.POSITIVE_INFINITY));
      if (at > now) return over;
      for (const message of this.inFlight.filter(({ lease }) => lease?.until === at)) {
        // The one before it in its order may have taken it back.
        if (message.state !== "in-flight") continue;
        over.push(message.lease?.number ?? 0);
        this.fail(message, at + this.options.backoffMs, now + this.options.backoffMs);
      }
    }
  }

  /** All of them are over before the first one is looked at: none takes another back. */
  #failTogether(messages: readonly ModelMessage[], dueMin: number, dueMax: number): void {
    for (const message of messages) this.#end(message, "waiting");
    for (const message of messages) this.fail(message, dueMin, dueMax);
  }

  detach(consumer: ModelConsumer, counted: boolean, now: number): void {
    const held = [...consumer.held.values()];
    if (counted) this.#failTogether(held, now, now);
    else for (const message of held) this.#comeAgain(message, 0, 0);
    this.consumers = this.consumers.filter((other) => other !== consumer);
  }

  // --- looking after it ----------------------------------------------------------------------------------------

  /** G1: everything that waits or is in flight goes. */
  purge(): void {
    for (const message of this.live) this.#end(message, "purged");
  }

  pause(): void {
    this.paused = true;
    for (const consumer of this.consumers) consumer.unmet = 0;
  }

  redrive(letter: ModelMessage, sequence: number): void {
    letter.state = "redriven";
    this.store(letter.name, letter.key, sequence);
  }

  unblock(message: ModelMessage, action: "skip" | "retry"): void {
    if (action === "skip") {
      this.bury(message, "skipped", message.attempts);
      return;
    }
    message.attempts = 0;
    this.#comeAgain(message, 0, 0);
  }

  // --- ends of life --------------------------------------------------------------------------------------------

  /**
   * Notes what a crash may count too, to be called after whatever may have made the engine write.
   *
   * The engine writes ahead what consumers that wait would get at once as if it were leased already (decisions/002 and
   * 006): the first messages never delivered, with `key` one of each key, as many as the consumers asked for in vain. Not
   * where one attempt is all.
   */
  markAhead(): void {
    const { ordering, maxAttempts } = this.options;
    if (maxAttempts === 1) return;
    const wanted = this.consumers.reduce((sum, consumer) => sum + Math.min(consumer.unmet, this.capacity(consumer)), 0);
    const candidates = ordering === "key" ? this.heads() : this.live;
    const fresh = candidates.filter((message) => message.fresh && message.state === "waiting" && message.marked !== "next");
    // With `key` they are looked for in what a commit stores, and others may wait before that whose mark was taken back.
    const marked = ordering === "key" && wanted > 0 ? fresh : fresh.slice(0, wanted);
    for (const message of marked) message.marked = "ahead";
  }

  /** With `key`, the next of a key is written ahead with the settlement before it, whoever waits. */
  #markNext({ key }: ModelMessage): void {
    if (this.options.ordering !== "key" || this.options.maxAttempts === 1) return;
    const next = this.live.find((message) => message.key === key);
    if (next?.fresh === true && next.state === "waiting") next.marked = "next";
  }

  /** Attempts of a message were seen, without the one in flight: that may show that it counted one at a crash. */
  sawAttempts(message: ModelMessage, attempts: number): void {
    if (message.unseen === "no" || attempts !== message.attempts + 1) return;
    message.attempts = attempts;
    message.unseen = "no";
    message.fresh = false;
  }

  /** A graceful end counts nothing. */
  close(): void {
    for (const message of this.inFlight) {
      const { fresh } = message;
      this.#comeAgain(message, 0, 0);
      message.fresh = fresh;
    }
    this.#nextLife();
  }

  /** The same of a message that gave way before it was seen. */
  sawDead(sequence: number, attempts: number): void {
    const message = this.in("dead").find((one) => one.sequence === sequence);
    if (message?.unseen !== "may" || message.death?.attempts !== attempts - 1) return;
    message.death = { ...message.death, attempts };
    message.unseen = "no";
  }

  /**
   * What was in flight counts an attempt; what was marked ahead may. In an ordered queue that is seen of a first delivery
   * when its turn comes, unless it was the last one; and all of it comes again at once.
   */
  crash(now: number): void {
    const { ordering, maxAttempts, backoffMs } = this.options;
    const isSeenLater = ({ fresh }: ModelMessage): boolean => fresh && ordering !== "none" && maxAttempts !== 1;
    for (const message of this.in("waiting")) {
      if (message.marked !== "no" && message.unseen === "no") message.unseen = "may";
    }
    for (const message of this.inFlight.filter(isSeenLater)) {
      this.#comeAgain(message, now, now);
      message.fresh = true;
      message.unseen = "must";
    }
    this.#failTogether(this.inFlight, now, ordering === "none" ? now + backoffMs : now);
    this.#nextLife();
  }

  #nextLife(): void {
    for (const message of this.messages) message.marked = "no";
    this.consumers = [];
    this.lastLease = 0;
    this.mayBeReading = this.options.overflow === "dead-letter-oldest";
  }
}
