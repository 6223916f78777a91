import type { Counts, Delivery, HistoryEvent, Publish, QueueSettings, ScannedMessage, Settle, Token } from "./history.js";
import { type HistoryEntry, HistoryLog } from "./history-log.js";

export const QUEUE = "orders";
export const DEAD = "orders.dead";

const SETTINGS: QueueSettings = {
  ordering: "none",
  leaseMs: 5_000,
  maxAttempts: 3,
  backoff: { type: "fixed", delayMs: 1_000, delayMaxMs: 1_000, jitter: 0 },
  poison: "dead-letter",
  deadLetter: DEAD,
  dedupWindowMs: 600_000,
};

type Stored = Partial<ScannedMessage> & { readonly id: string; readonly sequence: number };

/**
 * Tells a history step by step, for tests of the checker: what is not said is as usual. It starts with a queue `orders`,
 * its dead-letter queue, life 1, and a consumer `one`.
 */
export class Story {
  readonly #log = new HistoryLog();
  #at = 1_000;
  #life = 1;
  #call = 0;
  #number = 0;
  readonly #sequences = new Map<string, number>();
  readonly #sent = new Map<string, Publish>();
  readonly #keys = new Map<string, string>();

  constructor(options: Partial<QueueSettings> = {}) {
    this.add({ type: "define", queue: QUEUE, options: { ...SETTINGS, ...options } });
    this.add({ type: "define", queue: DEAD, options: { ...SETTINGS, maxAttempts: 0, deadLetter: false } });
    this.add({ type: "restart", life: 1 });
    this.attach("one");
  }

  get events(): readonly HistoryEvent[] {
    return this.#log.events;
  }

  add(entry: HistoryEntry): HistoryEvent {
    return this.#log.add(this.#at, entry);
  }

  wait(ms: number): this {
    this.#at += ms;
    return this;
  }

  /** The next sequence of a queue. */
  next(queue = QUEUE): number {
    const sequence = (this.#sequences.get(queue) ?? 0) + 1;
    this.#sequences.set(queue, sequence);
    return sequence;
  }

  attach(consumer: string, queue = QUEUE): void {
    this.add({ type: "attached", consumer, queue });
  }

  detach(consumer: string, counted: boolean): void {
    const call = ++this.#call;
    this.add({ type: "detach", call, consumer, counted });
    this.add({ type: "detach-done", call, outcome: "ok" });
  }

  crash(): this {
    this.add({ type: "crash" });
    return this;
  }

  /** A crash, or a graceful end, and the next life with a consumer. In between the clock may jump. */
  restart(consumer: string, end: "crash" | "shutdown" = "crash", jumpMs = 0): this {
    if (end === "shutdown") this.add({ type: "shutdown", stage: "begun" });
    this.add(end === "crash" ? { type: "crash" } : { type: "shutdown", stage: "done" });
    if (jumpMs !== 0) this.add({ type: "clock-jump", byMs: jumpMs });
    this.wait(jumpMs);
    this.add({ type: "restart", life: ++this.#life });
    this.attach(consumer);
    return this;
  }

  // --- publish ---------------------------------------------------------------------------------------------------

  /** Invokes a publish, and returns the call. Left alone its outcome is unknown. */
  send(id: string, fields: Partial<Publish> = {}): number {
    const call = ++this.#call;
    const publish = this.add({ type: "publish", call, queue: QUEUE, id, body: `body of ${id}`, ...fields } as HistoryEntry) as Publish;
    if (!this.#sent.has(id)) this.#sent.set(id, publish);
    if (publish.key !== undefined) this.#keys.set(id, publish.key);
    return call;
  }

  receipt(call: number, id: string, sequence: number, duplicate = false): void {
    this.add({ type: "publish-done", call, outcome: "ok", id, sequence, duplicate });
  }

  refuse(call: number, code: string): void {
    this.add({ type: "publish-done", call, outcome: "fail", code });
  }

  /** Publishes with success, and returns the sequence. */
  publish(id: string, fields: Partial<Publish> = {}): number {
    const call = this.send(id, fields);
    const sequence = this.next(fields.queue);
    this.receipt(call, id, sequence);
    return sequence;
  }

  // --- consume ---------------------------------------------------------------------------------------------------

  /** Hands a message over, and returns the token. */
  deliver(id: string, sequence: number, attempt = 1, fields: Partial<Delivery> = {}): Token {
    const token = { life: this.#life, number: ++this.#number };
    const { body = "", event, key, at = 0 } = this.#sent.get(id) ?? {};
    const content = { body, ...(event === undefined ? {} : { event }), ...(key === undefined ? {} : { key }) };
    const leaseUntil = this.#at + SETTINGS.leaseMs;
    const usual = { queue: QUEUE, consumer: "one", token, id, sequence, attempt, ...content, publishedAt: at, leaseUntil };
    this.add({ type: "delivery", ...usual, ...fields });
    return fields.token ?? token;
  }

  /** Invokes a settlement, and returns the call. */
  settling(token: Token, verb: Settle["verb"], fields: Partial<Settle> = {}): number {
    const call = ++this.#call;
    this.add({ type: "settle", call, consumer: "one", token, verb, ...fields });
    return call;
  }

  settled(call: number, code?: string): void {
    this.add(code === undefined ? { type: "settle-done", call, outcome: "ok" } : { type: "settle-done", call, outcome: "fail", code });
  }

  /** Settles with success. */
  settle(token: Token, verb: Settle["verb"], fields: Partial<Settle> = {}): void {
    this.settled(this.settling(token, verb, fields));
  }

  stale(token: Token, verb: Settle["verb"], fields: Partial<Settle> = {}): void {
    this.settled(this.settling(token, verb, fields), "STALE_LEASE");
  }

  expire(token: Token, consumer = "one"): void {
    this.add({ type: "expired", consumer, token });
  }

  // --- by hand ---------------------------------------------------------------------------------------------------

  purge(count: number, through: number, queue = QUEUE): void {
    const call = ++this.#call;
    this.add({ type: "purge", call, queue });
    this.add({ type: "purge-done", call, outcome: "ok", count, through });
  }

  redrive(count: number): void {
    const call = ++this.#call;
    this.add({ type: "redrive", call, queue: QUEUE });
    this.add({ type: "redrive-done", call, outcome: "ok", count });
  }

  pause(): void {
    this.add({ type: "pause", queue: QUEUE });
  }

  resume(): void {
    this.add({ type: "resume", queue: QUEUE });
  }

  remove(id: string): void {
    const call = ++this.#call;
    this.add({ type: "remove", call, queue: DEAD, id });
    this.add({ type: "remove-done", call, outcome: "ok" });
  }

  keyAction(action: "skip" | "retry", key?: string): void {
    const call = ++this.#call;
    this.add({ type: "key-action", call, queue: QUEUE, ...(key === undefined ? {} : { key }), action });
    this.add({ type: "key-action-done", call, outcome: "ok" });
  }

  // --- the end ---------------------------------------------------------------------------------------------------

  commit(number: number, synced = true): void {
    this.add({ type: "commit-begun", commit: number });
    if (synced) this.add({ type: "synced", commit: number });
  }

  /** The scans of both queues, which have what is named and nothing else; and the stats of `orders`, if given. */
  end(stored: readonly Stored[] = [], dead: readonly Stored[] = [], counts?: Partial<Counts>): readonly HistoryEvent[] {
    const complete = ({ id, ...fields }: Stored): ScannedMessage => {
      const key = this.#keys.get(id);
      return { id, state: "ready", attempts: 0, ...(key === undefined ? {} : { key }), ...fields };
    };
    const messages = stored.map(complete);
    this.add({ type: "scan", queue: QUEUE, messages });
    this.add({ type: "scan", queue: DEAD, messages: dead.map(complete) });
    if (counts === undefined) return this.events;
    const inState = (state: ScannedMessage["state"]): number => messages.filter((message) => message.state === state).length;
    const states = { ready: inState("ready"), inFlight: inState("in-flight"), delayed: inState("delayed"), parked: inState("parked") };
    const none = { published: 0, redriven: 0, dead: 0, acked: 0, expired: 0, purged: 0 };
    this.add({ type: "stats", queue: QUEUE, counts: { ...none, ...states, ...counts } });
    return this.events;
  }
}
