import { HoldfastError } from "../errors.js";
import type { HoldfastOptions } from "../options.js";
import { Outbox } from "../outbox.js";
import type { Database, KeptQueue } from "./database.js";
import { OutboxKeeper, release } from "./keeper.js";
import { describe, type RestoredMessage, restore, type WaitingMessage } from "./restored.js";

/** How often the producers of pages that are gone are looked for. A page that is reloaded comes first, most of the time. */
const LOOK_MS = 5_000;

type Release = () => void;

/**
 * The outbox of a client in IndexedDB, shared by all pages of an origin that name the same server, namespace and outbox.
 *
 * Each page has a producer to itself for as long as it holds the lock of its name. A page goes on with the producer of one
 * that is gone, or takes a new one; what other pages left that are gone, it sends beside its own.
 */
export class StoredOutbox {
  readonly #name: string;
  readonly #locks: LockManager;
  readonly #database: Database;
  readonly #outbox: Outbox;
  readonly #onRestored: ((messages: readonly RestoredMessage[]) => void) | undefined;
  readonly #keepers = new Set<OutboxKeeper>();
  /** The producers that are this page's. */
  readonly #held = new Map<string, Release>();
  #closed = false;

  constructor(name: string, locks: LockManager, database: Database, outbox: Outbox, options: HoldfastOptions) {
    this.#name = name;
    this.#locks = locks;
    this.#database = database;
    this.#outbox = outbox;
    this.#onRestored = options.onRestored;
  }

  async begin(): Promise<void> {
    const outbox = this.#outbox;
    const queues = await this.#inherit();
    if (queues === undefined) await this.#hold(outbox.producer);
    const keeper = new OutboxKeeper(outbox, this.#database);
    this.#keepers.add(keeper);
    const published = Array.from(outbox.lanes.values(), (lane) => ({ lane, entries: lane.take() }));
    this.#report(restore(outbox, keeper, queues ?? []));
    outbox.keeper = keeper;
    for (const { lane, entries } of published) for (const entry of entries) keeper.add(lane, entry);
    release(outbox);
    this.#lookLater(0);
  }

  /** Makes the outbox go on as a producer whose page is gone; returns what that left, undefined when there is none. */
  async #inherit(): Promise<KeptQueue[] | undefined> {
    for (const producer of await this.#database.producers()) {
      if (!(await this.#hold(producer))) continue;
      const queues = await this.#database.read(producer);
      if (queues.length > 0) {
        this.#outbox.producer = producer;
        return queues;
      }
      // Another page sent the rest of it meanwhile, and retired it.
      this.#release(producer);
    }
    return undefined;
  }

  #lookLater(delayMs: number): void {
    this.#outbox.connection.after(delayMs, () => {
      // What cannot be read now can be later, or the next publish tells of it.
      void this.look()
        .catch(() => undefined)
        .then(() => this.#lookLater(LOOK_MS));
    });
  }

  /** Takes over what pages left that are gone. */
  async look(): Promise<void> {
    for (const producer of await this.#database.producers()) {
      if (this.#closed || this.#held.has(producer) || !(await this.#hold(producer))) continue;
      const queues = await this.#database.read(producer);
      if (queues.some(({ rows }) => rows.length > 0)) this.#adopt(producer, queues);
      else await this.#retire(producer);
    }
  }

  /** Sends what another producer left, under its name: some of it may have been sent. It counts as this outbox's. */
  #adopt(producer: string, queues: readonly KeptQueue[]): void {
    const { connection } = this.#outbox;
    const adopted = new Outbox(connection, NO_LIMITS);
    adopted.producer = producer;
    const keeper = new OutboxKeeper(adopted, this.#database, {
      onForget: ({ bytes }) => this.#outbox.count(-1, -bytes),
      onDrained: () => {
        this.#keepers.delete(keeper);
        connection.leave(keeper);
        connection.leave(adopted);
        void this.#retire(producer);
      },
    });
    this.#keepers.add(keeper);
    adopted.keeper = keeper;
    for (const { message } of queues.flatMap(({ rows }) => rows)) this.#outbox.count(1, message.bytes);
    this.#report(restore(adopted, keeper, queues));
  }

  /** Forgets a producer of which nothing is left. When that fails, a later page does it. */
  async #retire(producer: string): Promise<void> {
    await this.#database.retire(producer).catch(() => undefined);
    this.#release(producer);
  }

  /** False when the producer is that of a living page. */
  #hold(producer: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const onLock = (lock: Lock | null): Promise<void> | undefined => {
        resolve(lock !== null && !this.#closed);
        if (lock === null || this.#closed) return undefined;
        return new Promise((release) => this.#held.set(producer, release));
      };
      this.#locks.request(`${this.#name} ${producer}`, { ifAvailable: true }, onLock).catch(reject);
    });
  }

  #release(producer: string): void {
    this.#held.get(producer)?.();
    this.#held.delete(producer);
  }

  #report(messages: readonly RestoredMessage[]): void {
    const onRestored = this.#onRestored;
    // What the application throws is not a failure of the outbox.
    if (onRestored !== undefined && messages.length > 0) queueMicrotask(() => onRestored(messages));
  }

  /** The client is closed. */
  close(): Promise<void> {
    // What was restored after the connection was closed is nobody's any more.
    this.#outbox.onRefused(new HoldfastError("SHUTTING_DOWN", "this client is closed", false));
    return this.end();
  }

  /** What is kept by this page now: by producer, queue and number. */
  async waiting(): Promise<WaitingMessage[]> {
    await this.#written();
    const queues = await Promise.all(Array.from(this.#held.keys(), (producer) => this.#database.read(producer)));
    return queues.flat().flatMap(({ rows }) => rows.map(({ key, message }) => describe(key, message)));
  }

  async #written(): Promise<void> {
    await Promise.all(Array.from(this.#keepers, (keeper) => keeper.settled()));
  }

  /** Lets the next page have it. */
  async end(): Promise<void> {
    this.#closed = true;
    await this.#written();
    this.#database.close();
    for (const producer of [...this.#held.keys()]) this.#release(producer);
  }
}

const NO_LIMITS = { outboxMessagesMax: 0, outboxBytesMax: 0, publishTimeoutMs: 0 };
