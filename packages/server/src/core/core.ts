import type { SettledRun, SettleRun } from "holdfast-client/protocol";
import type { AppendRequest, QueueAddress } from "../engine.js";
import type { QueueOptions } from "../options.js";
import { Administration } from "./administration.js";
import { Catalog } from "./catalog.js";
import { ChainLeasing } from "./chain-leasing.js";
import { CommitBuilder, type SealedCommit } from "./commit.js";
import { Compactor } from "./compactor.js";
import type { Consumer, EndedLeases } from "./consumer.js";
import { Consumers } from "./consumers.js";
import { Delays } from "./delays.js";
import { DueEntries } from "./due-entries.js";
import { Expiry } from "./expiry.js";
import { Hints } from "./hints.js";
import { Holding } from "./holding.js";
import { IdleQueues } from "./idle-queues.js";
import * as keys from "./keys.js";
import type { Given, LeaseNumbers } from "./lease-call.js";
import { Leasing } from "./leasing.js";
import { LevelLeasing } from "./level-leasing.js";
import { Loader } from "./loader.js";
import { Overflow } from "./overflow.js";
import { type Appended, Publishing } from "./publishing.js";
import type { Queue } from "./queue.js";
import { Recovery } from "./recovery.js";
import { Residency } from "./residency.js";
import { Retirement } from "./retirement.js";
import { Rooms } from "./rooms/rooms.js";
import { Scanner } from "./scanner.js";
import { Schedules } from "./schedules.js";
import { settleRuns } from "./settle.js";
import { Showing } from "./showing.js";
import { type CoreContext, Transitions } from "./transitions.js";
import { Wakes } from "./wakes.js";
import { Waking } from "./waking.js";
import { Windows } from "./window.js";

/**
 * The semantics of queues as one deterministic machine: operations change its state and collect writes; `seal` hands
 * the writes of a commit out, and `committed` shows their effects once they are durable. It does no I/O and has no
 * clock, so that the engines, the model tests and the simulation run the very same code.
 *
 * Two places hold messages. The **log** has those never delivered: blocks in order of sequence, leased from a cursor.
 * The **due lists** have those that wait for a time or were delivered before, and all with a priority, one entry each
 * with its attempts; each level of priority has its own. A message moves from the log to the due list when its first
 * delivery fails, so what the log holds behind its cursor is in flight, and a stored mark per place says what counts an
 * attempt after a crash.
 *
 * This is what an engine talks to. The operations on messages stand here in the order of a message's way; each is done in
 * a file of its own.
 */
export class Core {
  readonly life: number;
  readonly catalog: Catalog;
  readonly administration: Administration;
  readonly schedules: Schedules;
  readonly rooms: Rooms;
  readonly delays: Delays;
  readonly expiry: Expiry;
  readonly recovery: Recovery;
  readonly loader: Loader;
  readonly #commit = new CommitBuilder();
  readonly #wakes = new Wakes();
  readonly #hints = new Hints(this.#wakes);
  readonly #compactor: Compactor;
  readonly #windows: Windows;
  readonly #transitions: Transitions;
  readonly #consumers: Consumers;
  readonly #idle: IdleQueues;
  readonly #publishing: Publishing;
  readonly #chainLeasing: ChainLeasing;
  readonly #leasing: Leasing;
  readonly #showing: Showing;
  readonly #waking: Waking;
  readonly #retirement: Retirement;
  /** What the engine is to look at: see `Hints`. */
  readonly work: Set<Queue> = this.#hints.work;
  readonly wanting: Set<Queue> = this.#hints.wanting;
  readonly freed: Set<Consumer> = this.#hints.freed;
  readonly due: Set<Queue> = this.#hints.due;
  readonly aging: Set<Queue> = this.#hints.aging;
  readonly abandoned: Set<Queue> = this.#hints.abandoned;

  constructor(life: number, context: CoreContext) {
    const commit = this.#commit;
    const wakes = this.#wakes;
    const hints = this.#hints;
    this.life = life;
    // Where messages lie, and what moves them.
    const catalog = new Catalog(commit, life, Math.floor(context.random() * 0x1_0000_0000));
    const residency = new Residency();
    const compactor = new Compactor(commit, residency, context);
    const windows = new Windows(residency, compactor);
    const holding = new Holding(commit);
    const entries = new DueEntries(commit);
    const transitions = new Transitions(catalog, commit, windows, wakes, holding, entries, context);
    // In.
    const tools = { maker: new Overflow(commit, windows, transitions, entries, context, hints), entries };
    this.#publishing = new Publishing(catalog, commit, tools, (request, now) => this.define(request, {}, now));
    this.schedules = new Schedules(commit, wakes, tools, context);
    this.rooms = new Rooms({
      life,
      commit,
      catalog,
      get: (key) => context.get(key),
      feed: (address, messages, now) => this.#publishing.feed(address, messages, now),
    });
    // What time does, and a restart.
    this.delays = new Delays(catalog, commit, transitions, entries);
    this.expiry = new Expiry(catalog, transitions, holding, entries, context);
    const scanner = new Scanner(windows, transitions, holding, this.expiry);
    this.recovery = new Recovery(commit, windows, transitions, holding, entries, scanner);
    this.loader = new Loader(windows, this.recovery, hints);
    this.#retirement = new Retirement(commit, holding);
    // Out.
    const numbers: LeaseNumbers = { next: 1 };
    this.#chainLeasing = new ChainLeasing(numbers, scanner, this.expiry, transitions, holding, wakes);
    const levelLeasing = new LevelLeasing(numbers, this.recovery, windows, this.expiry, transitions, entries);
    this.#leasing = new Leasing(levelLeasing, this.#chainLeasing, this.delays, commit, wakes, hints);
    this.#idle = new IdleQueues(wakes, hints);
    this.#consumers = new Consumers(commit, transitions, windows, this.#idle, wakes, hints);
    this.#showing = new Showing(windows, this.schedules, wakes, hints);
    this.#waking = new Waking(commit, wakes, hints, this.#consumers, this.delays, this.#idle, this.schedules, compactor, this.rooms);
    this.administration = new Administration(commit, windows, transitions, entries, hints, context);
    this.catalog = catalog;
    this.#compactor = compactor;
    this.#windows = windows;
    this.#transitions = transitions;
  }

  // --- queues --------------------------------------------------------------------------------------------------

  /** Creates the queue, or changes the given options. */
  define(address: QueueAddress, options: Partial<QueueOptions>, now: number): Queue {
    const queue = this.catalog.define(address, options);
    this.wanting.add(queue);
    // A pace that was raised or taken away need not be waited for.
    this.work.add(queue);
    // With another ordering those may lease who might not.
    for (const consumer of queue.consumers) this.freed.add(consumer);
    this.#idle.watch(queue, now);
    return queue;
  }

  /** What was restored begins to live. */
  begin(now: number): void {
    for (const queue of this.catalog.all()) {
      this.#idle.watch(queue, now);
      this.lookAtTimes(queue, now);
      this.#wakes.forIds(queue);
    }
    this.schedules.begin();
    this.rooms.begin(now);
  }

  /** Forgets the queue; its content is to be cleared from the store afterwards. Returns the consumers it had. */
  remove(queue: Queue): Consumer[] {
    const consumers = this.#consumers.remove(queue);
    this.#hints.forget(queue);
    this.#windows.remove(queue);
    this.#wakes.forget(queue);
    this.schedules.forget(queue);
    this.rooms.queueRemoved(queue.namespace, queue.name);
    this.catalog.remove(queue);
    return consumers;
  }

  /** The content of a removed queue is gone from the store. */
  cleared(number: number): void {
    this.#commit.write(keys.removedKey(number), undefined);
  }

  // --- a message's way -----------------------------------------------------------------------------------------

  /** Takes messages. With `atomic`, `refused` says why none was taken. */
  append(requests: readonly AppendRequest[], atomic: boolean, now: number): Appended {
    return this.#publishing.append(requests, atomic, now);
  }

  get hasChanges(): boolean {
    return this.#commit.hasChanges || this.rooms.hasChanges || this.#compactor.isDue;
  }

  /** Ends the commit that was being filled; `committed` takes it once it is durable. */
  seal(now: number): SealedCommit {
    this.#compactor.run(now);
    for (const queue of this.#commit.queues) this.#lookAhead(queue, now);
    return this.#commit.seal(now, this.rooms.seal(now));
  }

  /** With an order: what consumers will take is looked for now, so that this commit marks it. */
  #lookAhead(queue: Queue, now: number): void {
    if (queue.chains?.fifo !== false) return;
    this.#chainLeasing.lookAhead(queue, queue.chains, now);
    if (queue.wantsLog !== undefined) this.wanting.add(queue);
  }

  /** Shows the effects of a commit that is durable. */
  committed(sealed: SealedCommit): void {
    this.rooms.committed(sealed.rooms);
    this.#showing.committed(sealed);
  }

  /**
   * Leases what is ready to the consumer. `wait` says that the leases may be shown only after the next commit, which
   * carries the mark that makes them count after a crash. It would take `wanted` with the calls to come.
   */
  lease(consumer: Consumer, count: number, bytesMax: number, now: number, wanted = count): Given {
    return this.#leasing.lease(consumer, count, bytesMax, now, wanted);
  }

  settle(consumer: Consumer | undefined, runs: readonly SettleRun[], now: number): SettledRun[] {
    if (consumer !== undefined) this.#commit.touch(consumer.queue);
    return settleRuns(this.#transitions, consumer, runs, now);
  }

  // --- consumers -----------------------------------------------------------------------------------------------

  consumerNumbers(): number[] {
    return this.#consumers.numbers();
  }

  consumer(number: number): Consumer | undefined {
    return this.#consumers.numbered(number);
  }

  attach(queue: Queue, maxInFlight: number): Consumer {
    return this.#consumers.attach(queue, maxInFlight);
  }

  /** What the consumer holds goes back; `counted` says that it counts as an attempt. */
  detach(consumer: Consumer, counted: boolean, now: number): void {
    this.#consumers.detach(consumer, counted, now);
  }

  /** The leases that ended since this was last asked, because one before them in a `fifo` queue did. */
  takeRevoked(): readonly EndedLeases[] {
    return this.#consumers.takeRevoked();
  }

  // --- time ----------------------------------------------------------------------------------------------------

  /** When `wake` is to be called next. */
  get nextWake(): number | undefined {
    return this.#waking.next;
  }

  /**
   * Ends the leases that ran out by `now`, lets schedules publish, and says which queues have messages that became due.
   * What is over by `now` and does not fit in one turn is left for the next, and `nextWake` is in the past then.
   */
  wake(now: number): EndedLeases[] {
    return this.#waking.wake(now);
  }

  /** Says whether something of the queue's delays or expiries is to be done now, and wakes for what comes next. */
  lookAtTimes(queue: Queue, now: number): void {
    this.#waking.lookAtTimes(queue, now);
  }

  /** The last commit of a life that ends by its own will: nothing that is in flight counts an attempt. */
  retire(now: number): void {
    this.#compactor.finish();
    this.rooms.retire(now);
    for (const queue of this.catalog.all()) this.#retirement.retire(queue);
  }
}
