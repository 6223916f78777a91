import type * as history from "../history.js";
import type { HistoryEvent, Token } from "../history.js";
import type { ReplyEvent } from "../reply-history.js";
import type { Emit, RoomEvent } from "../room-history.js";
import type { ScheduleEvent } from "../schedule-history.js";
import { CallLog, type CallRecord } from "./calls.js";
import { QueueRun } from "./queue-run.js";
import { Timeline } from "./timeline.js";

type Ok<Done> = Extract<Done, { outcome: "ok" }>;
export type PublishCall = CallRecord<history.Publish, Ok<history.PublishDone>>;
export type SettleCall = CallRecord<history.Settle, Ok<history.SettleDone>>;
export type DetachCall = CallRecord<history.Detach, Ok<history.DetachDone>>;

/** One life of the engine. */
export interface Life {
  readonly life: number;
  readonly start: number;
  /** Infinity while it lasts. */
  end: number;
  graceful: boolean;
  /** When it began to end by its own will. */
  shutdown: number;
}

export const tokenKey = ({ life, number }: Token): string => `${life}/${number}`;

/** A history, taken apart in one pass: what was called, and who was there. */
export class Run {
  readonly timeline: Timeline;
  readonly publishes = new CallLog<history.Publish, history.PublishDone>();
  readonly settles = new CallLog<history.Settle, history.SettleDone>();
  readonly detaches = new CallLog<history.Detach, history.DetachDone>();
  readonly purges = new CallLog<history.Purge, history.PurgeDone>();
  readonly redrives = new CallLog<history.Redrive, history.RedriveDone>();
  readonly keyActions = new CallLog<history.KeyAction, history.KeyActionDone>();
  readonly removes = new CallLog<history.Remove, history.RemoveDone>();
  readonly deliveries: history.Delivery[] = [];
  readonly expired = new Map<string, history.Expired>();
  readonly settlesOf = new Map<string, SettleCall[]>();
  readonly detachOf = new Map<string, DetachCall[]>();
  readonly lives: Life[] = [];
  readonly queues = new Map<string, QueueRun>();
  /** Queues that rooms feed. */
  readonly #fed = new Set<string>();
  /** Consumers that are attached, with their queues. */
  readonly #attached = new Map<string, QueueRun>();
  readonly #queueOfConsumer = new Map<string, QueueRun>();

  constructor(events: readonly HistoryEvent[]) {
    this.timeline = new Timeline(events);
    for (const event of events) if (event.type === "member-add" && event.member.queue !== undefined) this.#fed.add(event.member.queue);
    for (const event of events) this.#take(event);
    for (const queue of [...this.queues.values()]) for (const name of queue.settings.deadLetters) this.queue(name).origins.push(queue);
    this.#noteUnseenExpiries();
    for (const queue of this.queues.values()) queue.slips.sort((a, b) => a - b);
  }

  queue(name: string): QueueRun {
    const known = this.queues.get(name);
    if (known !== undefined) return known;
    const queue = new QueueRun(name);
    this.queues.set(name, queue);
    return queue;
  }

  /** The life a token was given in. Of lives with the same number it is the last that began before the index. */
  life(number: number, index: number): Life | undefined {
    return this.lives.findLast(({ life, start }) => life === number && start < index);
  }

  #take(event: HistoryEvent): void {
    switch (event.type) {
      case "define":
        this.queue(event.queue).settings.add(event.options);
        break;
      case "publish":
        this.publishes.invoke(event);
        break;
      case "publish-done":
        this.publishes.done(event);
        break;
      case "delivery":
        this.deliveries.push(event);
        break;
      case "settle":
        addTo(this.settlesOf, tokenKey(event.token), this.settles.invoke(event));
        break;
      case "settle-done":
        this.settles.done(event);
        break;
      case "expired":
        this.expired.set(tokenKey(event.token), event);
        break;
      case "attached":
      case "detach":
      case "detach-done":
        this.#takeConsumer(event);
        break;
      case "restart":
      case "crash":
      case "shutdown":
        this.#takeLife(event);
        break;
      case "purge":
        this.queue(event.queue).purges.push(this.purges.invoke(event));
        break;
      case "purge-done":
        this.purges.done(event);
        break;
      case "redrive":
        this.queue(event.queue).redrives.push(this.redrives.invoke(event));
        break;
      case "redrive-done":
        this.redrives.done(event);
        break;
      case "key-action":
        this.queue(event.queue).keyActions.push(this.keyActions.invoke(event));
        break;
      case "key-action-done":
        this.keyActions.done(event);
        break;
      case "remove":
        addTo(this.queue(event.queue).removes, event.id, this.removes.invoke(event));
        break;
      case "remove-done":
        this.removes.done(event);
        break;
      case "peek":
        this.queue(event.queue).peeks.push(event);
        break;
      case "drained":
        this.queue(event.queue).drained = event;
        break;
      case "scan":
        this.queue(event.queue).scan = event;
        break;
      case "stats":
        this.queue(event.queue).stats = event;
        break;
      case "pause":
      case "resume":
        this.queue(event.queue).pauses.push(event);
        break;
      case "commit-begun":
      case "synced":
      case "clock-jump":
      case "examined":
        break;
      case "emit":
        this.#feed(event);
        break;
      default:
        event satisfies RoomEvent | ScheduleEvent | ReplyEvent;
    }
  }

  /** What is emitted may come into each queue that is a member somewhere, as by a publish that is never answered. */
  /** Whether rooms feed it: what they do is told apart by the rooms' dedup windows, not by its own. */
  isFed(queue: string): boolean {
    return this.#fed.has(queue);
  }

  #feed({ index, at, id, body, event, key, ttlMs }: Emit): void {
    const content = {
      id,
      body,
      ...(event === undefined ? {} : { event }),
      ...(key === undefined ? {} : { key }),
      ...(ttlMs === undefined ? {} : { ttlMs }),
    };
    for (const queue of this.#fed) {
      const call = -1 - this.publishes.list.length;
      this.publishes.invoke({ index, at, type: "publish", call, queue, ...content });
    }
  }

  #takeConsumer(event: history.Attached | history.Detach | history.DetachDone): void {
    if (event.type === "detach-done") {
      const { ok, invoked } = this.detaches.done(event);
      if (ok !== undefined) this.#attached.delete(invoked.consumer);
      return;
    }
    if (event.type === "attached") {
      const queue = this.queue(event.queue);
      this.#attached.set(event.consumer, queue);
      this.#queueOfConsumer.set(event.consumer, queue);
      return;
    }
    addTo(this.detachOf, event.consumer, this.detaches.invoke(event));
    // Leases that were never handed over end too, and count: see `QueueRun.slips`.
    if (event.counted) this.#queueOfConsumer.get(event.consumer)?.slips.push(event.index);
  }

  #takeLife(event: history.Restart | history.Crash | history.Shutdown): void {
    if (event.type === "restart") {
      const none = Number.POSITIVE_INFINITY;
      this.lives.push({ life: event.life, start: event.index, end: none, graceful: false, shutdown: none });
      return;
    }
    const life = this.lives.at(-1);
    if (life === undefined || life.end !== Number.POSITIVE_INFINITY) throw new Error(`no life runs at event ${event.index}`);
    if (event.type === "shutdown" && event.stage === "begun") {
      life.shutdown = event.index;
      return;
    }
    life.end = event.index;
    life.graceful = event.type === "shutdown";
    if (event.type === "crash") for (const queue of new Set(this.#attached.values())) queue.slips.push(event.index);
    this.#attached.clear();
  }

  #noteUnseenExpiries(): void {
    const seen = new Set(this.deliveries.map(({ token }) => tokenKey(token)));
    for (const [key, { consumer, index }] of this.expired) if (!seen.has(key)) this.#queueOfConsumer.get(consumer)?.slips.push(index);
  }
}

export function addTo<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
