import type { Delivery, ScannedMessage } from "../history.js";
import { mayHaveHappened } from "./calls.js";
import { Lease } from "./lease.js";
import type { QueueRun } from "./queue-run.js";
import type { PublishCall, Run } from "./run.js";
import type { Timeline } from "./timeline.js";
import type { Report } from "./violation.js";

/** All that is known of one id in a queue and its dead-letter queue. */
export interface Identity {
  readonly id: string;
  readonly publishes: PublishCall[];
  readonly copies: Copy[];
}

/** A place where a message surely was for a time: one sequence of one queue. */
export class Copy {
  readonly queue: QueueRun;
  readonly sequence: number;
  readonly identity: Identity;
  /** The publish that was told that it stored this, if any was. */
  published: PublishCall | undefined;
  readonly leases: Lease[] = [];
  scanned: ScannedMessage | undefined;
  readonly #timeline: Timeline;

  constructor(queue: QueueRun, sequence: number, identity: Identity, timeline: Timeline) {
    this.#timeline = timeline;
    this.queue = queue;
    this.sequence = sequence;
    this.identity = identity;
  }

  /** The publishes that may have stored it. */
  get sources(): PublishCall[] {
    if (this.published !== undefined) return [this.published];
    return this.identity.publishes.filter(
      (call) => mayHaveHappened(call) && call.ok === undefined && call.invoked.queue === this.queue.name,
    );
  }

  /** Whether it may have come from another queue: as a dead letter, or by a redrive. */
  get mayBeMoved(): boolean {
    if (this.published !== undefined) return false;
    return this.queue.origins.length > 0 || this.queue.redrives.some(mayHaveHappened);
  }

  get key(): string | undefined {
    // The id may have been published with several keys, of which one was stored.
    return (this.leases[0]?.delivery ?? this.identity.publishes.find(mayHaveHappened)?.invoked)?.key;
  }

  get lastLease(): Lease | undefined {
    return this.leases.at(-1);
  }

  /** When it was surely there for the first and the last time, by deliveries and the scan; the receipt does not count. */
  get firstSeen(): number {
    return this.leases[0]?.delivery.index ?? (this.scanned === undefined ? Number.POSITIVE_INFINITY : (this.queue.scan?.index ?? 0));
  }

  get lastSeen(): number {
    if (this.scanned !== undefined) return this.queue.scan?.index ?? 0;
    return this.lastLease?.delivery.index ?? this.published?.invoked.index ?? -1;
  }

  /** Bounds of the time at which a publish stored it; undefined when it may have come otherwise. */
  get storedAt(): { min: number; max: number } | undefined {
    const { published, sources } = this;
    if (published !== undefined) return this.#timeline.shown(published.invoked.index, published.doneIndex);
    if (this.mayBeMoved || sources.length === 0) return undefined;
    return this.#timeline.shown(Math.min(...sources.map(({ invoked }) => invoked.index)), this.firstSeen);
  }

  toString(): string {
    return `queue ${this.queue.name} id ${this.identity.id} sequence ${this.sequence}`;
  }
}

/** Whether a copy came by a redrive: nothing else puts an id back under another sequence. */
export const isRedriven = (copy: Copy): boolean =>
  copy.published === undefined &&
  copy.queue.redrives.some((call) => mayHaveHappened(call) && call.invoked.index < copy.firstSeen) &&
  copy.identity.copies.some((other) => other.queue === copy.queue && other.sequence < copy.sequence);

/** Every copy, found by queue and sequence, and by id. */
export class Copies {
  readonly all: Copy[] = [];
  readonly leases: Lease[] = [];
  readonly identities = new Map<string, Identity>();
  readonly #bySequence = new Map<string, Map<number, Copy>>();
  readonly #run: Run;
  readonly #report: Report;

  constructor(run: Run, report: Report) {
    this.#run = run;
    this.#report = report;
    for (const call of run.publishes.list) this.#identity(call.invoked.queue, call.invoked.id).publishes.push(call);
    this.#addReceipts();
    for (const delivery of run.deliveries) this.#addDelivery(delivery);
    for (const { name, scan } of run.queues.values()) {
      for (const message of scan?.messages ?? []) this.#copy(name, message.sequence, message.id, scan?.index ?? 0).scanned = message;
    }
  }

  #addReceipts(): void {
    const calls = this.#run.publishes.list;
    for (const call of calls) {
      const { ok, invoked } = call;
      if (ok === undefined || ok.duplicate) continue;
      this.#copy(invoked.queue, ok.sequence, invoked.id, ok.index).published ??= call;
    }
    // A duplicate's receipt tells where a message is whose own receipt was lost.
    for (const { ok, invoked } of calls) {
      if (!ok?.duplicate) continue;
      const { publishes } = this.#identity(invoked.queue, invoked.id);
      const unknown = publishes.some((call) => call.invoked.queue === invoked.queue && mayHaveHappened(call) && call.ok === undefined);
      if (unknown) this.#copy(invoked.queue, ok.sequence, invoked.id, ok.index);
    }
  }

  #addDelivery(delivery: Delivery): void {
    const copy = this.#copy(delivery.queue, delivery.sequence, delivery.id, delivery.index);
    const lease = new Lease(delivery, copy, this.#run);
    copy.leases.push(lease);
    this.leases.push(lease);
  }

  /** A dead-letter queue shares its ids with its origin. */
  #identity(queue: string, id: string): Identity {
    const family = this.#run.queue(queue).settings.deadLetters[0] ?? queue;
    const name = `${family}\n${id}`;
    const known = this.identities.get(name);
    if (known !== undefined) return known;
    const identity: Identity = { id, publishes: [], copies: [] };
    this.identities.set(name, identity);
    return identity;
  }

  at(queue: string, sequence: number): Copy | undefined {
    return this.#bySequence.get(queue)?.get(sequence);
  }

  #copy(queue: string, sequence: number, id: string, index: number): Copy {
    const known = this.at(queue, sequence);
    if (known !== undefined && known.identity.id === id) return known;
    if (known !== undefined) this.#report.add("conflict", `${known} is told to be of id ${id}`, known.published?.doneIndex ?? -1, index);
    const identity = this.#identity(queue, id);
    const copy = new Copy(this.#run.queue(queue), sequence, identity, this.#run.timeline);
    // What has another's sequence is judged by its id alone.
    if (known !== undefined) return copy;
    const ofQueue = this.#bySequence.get(queue) ?? new Map<number, Copy>();
    this.#bySequence.set(queue, ofQueue.set(sequence, copy));
    identity.copies.push(copy);
    this.all.push(copy);
    return copy;
  }
}
