import { HoldfastError } from "holdfast-client/protocol";
import type { QueueAddress } from "../engine.js";
import { defaultOptions, type QueueOptions } from "../options.js";
import type { CommitBuilder } from "./commit.js";
import { unpackMark } from "./due-mark.js";
import * as keys from "./keys.js";
import type { LogState } from "./log-state.js";
import { PRODUCER_IDLE_MS, Producer } from "./producer.js";
import { Queue, restoreList, restoreState } from "./queue.js";

/**
 * Of what a store holds. 2: the embedded engine has a journal, without which an older program would miss the newest messages.
 * 3: and files of large values, without which it would find references in their place.
 */
export const FORMAT_VERSION = 3;

/** Which queues there are: by number, and by namespace and name. */
export class Catalog {
  readonly #queues = new Map<number, Queue>();
  readonly #byName = new Map<string, Map<string, Queue>>();
  readonly #commit: CommitBuilder;
  readonly #life: number;
  readonly seed: number;
  /** The number of the next queue; none is given twice. */
  nextNumber = 1;

  /** @param seed for the hashes of ordering keys and ids: a number that nobody outside knows */
  constructor(commit: CommitBuilder, life: number, seed: number) {
    this.#commit = commit;
    this.#life = life;
    this.seed = seed;
  }

  restoreDefinition(number: number, stored: Uint8Array): void {
    const { namespace, name, options, paused } = JSON.parse(Buffer.from(stored).toString("utf8")) as {
      namespace: string;
      name: string;
      options: QueueOptions;
      paused?: boolean;
    };
    const queue = new Queue(number, namespace, name, { ...defaultOptions(name), ...options }, this.seed);
    queue.definitionDirty = false;
    queue.paused = paused === true;
    this.#register(queue);
  }

  restoreState(number: number, stored: Uint8Array): void {
    const queue = this.#queues.get(number);
    if (queue !== undefined) restoreState(queue, stored);
  }

  restoreList(number: number, list: number, stored: Uint8Array): void {
    const queue = this.#queues.get(number);
    if (queue !== undefined) restoreList(queue, list, unpackMark(stored));
  }

  restoreHeldLeased(number: number, sequence: number): void {
    const queue = this.#queues.get(number);
    if (queue !== undefined && sequence >= queue.purgedBelow) queue.chains?.leasedBefore.add(sequence);
  }

  restorePurged(number: number, stored: Uint8Array): void {
    const queue = this.#queues.get(number);
    if (queue !== undefined) queue.purgedBelow = Buffer.from(stored).readUIntLE(0, 6);
  }

  /** One that was idle for long enough is forgotten, though its log may be at rest and look through none of its own. */
  restoreProducer(log: LogState | undefined, producer: string, stored: Uint8Array, now: number): void {
    if (log === undefined) return;
    const found = Producer.unpack(producer, stored);
    if (found.usedAt + PRODUCER_IDLE_MS > now) log.producers.set(producer, found);
    else log.idleProducers.push(producer);
  }

  restoreIds(log: LogState | undefined, commit: number, stored: Uint8Array, now: number): void {
    this.#commit.number = Math.max(this.#commit.number, commit + 1);
    log?.ids.restore(commit, stored, now, log.dedupWindowMs);
  }

  #register(queue: Queue): void {
    this.#queues.set(queue.number, queue);
    let names = this.#byName.get(queue.namespace);
    if (names === undefined) {
      names = new Map();
      this.#byName.set(queue.namespace, names);
    }
    names.set(queue.name, queue);
  }

  /** Whether the queue is there still. */
  has(queue: Queue): boolean {
    return this.#queues.get(queue.number) === queue;
  }

  find(address: QueueAddress): Queue | undefined {
    return this.#byName.get(address.namespace)?.get(address.queue);
  }

  /** The queue, or `NOT_FOUND`. */
  require(address: QueueAddress): Queue {
    const queue = this.find(address);
    if (queue === undefined)
      throw new HoldfastError("NOT_FOUND", `queue ${JSON.stringify(address.queue)} does not exist in namespace ${address.namespace}`);
    return queue;
  }

  numbered(number: number): Queue | undefined {
    return this.#queues.get(number);
  }

  define(address: QueueAddress, options: Partial<QueueOptions>): Queue {
    let queue = this.find(address);
    const merged = { ...(queue?.options ?? defaultOptions(address.queue)), ...options };
    checkOrdering(queue, merged);
    if (queue === undefined) {
      queue = new Queue(this.nextNumber++, address.namespace, address.queue, merged, this.seed);
      this.#register(queue);
      this.writeMeta();
    } else {
      const reordered = queue.options.ordering !== merged.ordering;
      queue.options = merged;
      if (reordered) queue.order();
      queue.definitionDirty = true;
    }
    this.#commit.touch(queue);
    return queue;
  }

  /** Forgets the queue; its content is to be cleared from the store once that is durable. */
  remove(queue: Queue): void {
    queue.isRemoved = true;
    this.#queues.delete(queue.number);
    this.#byName.get(queue.namespace)?.delete(queue.name);
    this.#commit.forget(queue);
    this.#commit.write(keys.definitionKey(queue.number), undefined);
    this.#commit.write(keys.stateKey(queue.number), undefined);
    this.#commit.write(keys.purgedKey(queue.number), undefined);
    this.#commit.write(keys.removedKey(queue.number), Buffer.of(1));
  }

  /** Notes the life and the next number, so that neither comes again. */
  writeMeta(): void {
    this.#commit.write(
      keys.metaKey,
      Buffer.from(JSON.stringify({ version: FORMAT_VERSION, life: this.#life, nextQueue: this.nextNumber })),
    );
  }

  all(): IterableIterator<Queue> {
    return this.#queues.values();
  }

  names(namespace: string): string[] {
    return [...(this.#byName.get(namespace)?.keys() ?? [])];
  }
}

/** `BAD_REQUEST` when messages are there that were stored in another order, when there is no order for `poison` to hold, or `overflow` would let go what it holds. */
function checkOrdering(queue: Queue | undefined, { ordering, poison, overflow }: QueueOptions): void {
  if (overflow === "dead-letter-oldest" && poison === "block") {
    throw new HoldfastError("BAD_REQUEST", 'overflow is "dead-letter-oldest", expected "reject" where poison is "block"');
  }
  if (poison === "block" && ordering === "none") {
    throw new HoldfastError("BAD_REQUEST", `poison is "block", expected "dead-letter" where ordering is "none": there is no key to hold`);
  }
  if (queue === undefined || queue.options.ordering === ordering || queue.live === 0) return;
  throw new HoldfastError(
    "BAD_REQUEST",
    `ordering is ${JSON.stringify(ordering)}, expected ${JSON.stringify(queue.options.ordering)} as long as the queue has messages (${queue.live})`,
  );
}
