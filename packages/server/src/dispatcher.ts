import { AddressMap, describeQueue } from "./address.js";
import type { Clock } from "./clock.js";
import type { Consumer, Sink } from "./consumer.js";
import type { Engine, Leased, QueueAddress } from "./engine.js";
import type { Log } from "./log.js";

/**
 * Bytes of messages that one lease call may bring. What goes beyond the mark of the last commit waits for the next one,
 * so a call brings what a fast consumer works on meanwhile. At most this, and what may wait already, lies in a socket.
 */
const LEASE_BYTES_MAX = 262_144;
/** Messages a consumer takes before the next one's turn, when several could take some: few, until there is plenty. */
const QUANTUM_MIN = 32;
const QUANTUM_MAX = 1_024;
/** Lease calls under way for one queue. */
const CALLS_MAX = 8;
/** How long to wait after a failed lease call, in case nothing else wakes the queue. */
const RETRY_MS = 1_000;

/** A queue and the consumers that could take from it. */
class Line {
  readonly address: QueueAddress;
  readonly consumers = new Set<Consumer>();
  /** Consumers to ask for next, in turn: they had capacity when last looked at, and have no call under way. */
  readonly ready = new Set<Consumer>();
  /** Whose turn found the queue empty, so it is still theirs. */
  first: Consumer | undefined;
  /** Rises with each hint, so that one which comes during a lease call is not lost. */
  hints = 0;
  /** The value of `hints` with which the queue was last found empty. */
  emptyAt = -1;
  calls = 0;
  /** Grows while there is plenty: then larger shares cost less, and are no less fair. */
  quantum = QUANTUM_MIN;
  /** Calls allowed at a time: more while they come back full, so that many idle consumers do not ask for one message. */
  width = 1;

  constructor(address: QueueAddress) {
    this.address = address;
  }
}

/** A consumer's lease call. */
interface Turn {
  readonly consumer: Consumer;
  readonly number: number;
  readonly sink: Sink;
  readonly count: number;
}

/**
 * Pulls messages from the engine for consumers that can take them.
 *
 * A queue is asked while it may have something and somebody has capacity: on a hint, and whenever capacity or room
 * frees. So live messages and a backlog take the same way.
 */
export class Dispatcher {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #lines = new AddressMap<Line>();
  #cancelRetry: (() => void) | undefined;
  #stopped = false;

  constructor(engine: Engine, clock: Clock, log: Log) {
    this.#engine = engine;
    this.#clock = clock;
    this.#log = log;
  }

  /** Starts leasing to a consumer. */
  add(consumer: Consumer): void {
    if (this.#stopped) return;
    let line = this.#lines.get(consumer.address);
    if (line === undefined) {
      line = new Line(consumer.address);
      this.#lines.set(consumer.address, line);
    }
    line.consumers.add(consumer);
    this.wake(consumer);
  }

  /** Stops leasing to a consumer; what a call under way brings is released. */
  remove(consumer: Consumer): void {
    const line = this.#lines.get(consumer.address);
    if (line === undefined) return;
    line.consumers.delete(consumer);
    line.ready.delete(consumer);
    if (line.consumers.size === 0) this.#lines.delete(consumer.address);
  }

  /** The queue may have something. */
  hint(address: QueueAddress): void {
    const line = this.#lines.get(address);
    if (line === undefined) return;
    line.hints++;
    this.#pump(line);
  }

  /** The consumer may have capacity or room that it did not have. */
  wake(consumer: Consumer): void {
    const line = this.#lines.get(consumer.address);
    if (line === undefined || !line.consumers.has(consumer) || consumer.leasing !== undefined) return;
    line.ready.add(consumer);
    this.#pump(line);
  }

  /** Leases to nobody any more. */
  stop(): void {
    this.#stopped = true;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    for (const line of [...this.#lines.values()]) this.#lines.delete(line.address);
  }

  #pump(line: Line): void {
    while (line.emptyAt !== line.hints && line.calls < line.width) {
      const turn = this.#next(line);
      if (turn === undefined) return;
      const { consumer } = turn;
      line.calls++;
      consumer.leasing = this.#lease(line, turn).then((served) => {
        line.calls--;
        consumer.leasing = undefined;
        // Its line may be another one by now, when it left and came back.
        if (this.#serves(consumer)) this.#lines.get(consumer.address)?.ready.add(consumer);
        if (served) this.#pump(this.#lines.get(consumer.address) ?? line);
      });
    }
  }

  #serves = (consumer: Consumer): boolean => this.#lines.get(consumer.address)?.consumers.has(consumer) === true;

  /** The next consumer in turn that can take something. */
  #next(line: Line): Turn | undefined {
    const { first } = line;
    line.first = undefined;
    const again = first !== undefined && line.ready.has(first) ? this.#take(line, first) : undefined;
    if (again !== undefined) return again;
    for (const consumer of line.ready) {
      const turn = this.#take(line, consumer);
      if (turn !== undefined) return turn;
    }
    return undefined;
  }

  /** Takes a consumer out of those ready; one that can take nothing comes back through `wake`. */
  #take(line: Line, consumer: Consumer): Turn | undefined {
    line.ready.delete(consumer);
    const { number, sink } = consumer;
    const capacity = number === undefined ? 0 : this.#engine.capacity(number);
    if (number === undefined || capacity === 0) return undefined;
    const shared = line.ready.size > 0 || line.calls > 0;
    const count = sink.reserve(shared ? Math.min(capacity, line.quantum) : capacity);
    if (count > 0) return { consumer, number, sink, count };
    sink.whenRoom(() => this.wake(consumer));
    return undefined;
  }

  /** One lease call; resolves to whether to go on, never fails. */
  async #lease(line: Line, { consumer, number, sink, count }: Turn): Promise<boolean> {
    const { hints } = line;
    try {
      const batch = await this.#engine.lease(number, count, LEASE_BYTES_MAX);
      if (batch.length === 0) {
        if (line.hints === hints) line.emptyAt = hints;
        line.first = consumer;
      } else if (consumer.number === number) {
        if (consumer.sink === sink && this.#serves(consumer)) this.#deliver(consumer, batch);
        else await this.#release(number, batch);
      }
      const plenty = batch.length === count || batch.length >= QUANTUM_MIN;
      line.width = plenty ? Math.min(line.width * 2, CALLS_MAX) : 1;
      line.quantum = plenty ? Math.min(line.quantum * 2, QUANTUM_MAX) : QUANTUM_MIN;
      return true;
    } catch (error) {
      // For a consumer that is gone by now this is as it should be; else the engine failed, which may recover.
      if (consumer.number !== number) return true;
      this.#retryLater(line, error);
      return false;
    } finally {
      sink.free();
    }
  }

  #deliver(consumer: Consumer, batch: readonly Leased[]): void {
    const leaseMs = this.#engine.options(consumer.address)?.leaseMs ?? 0;
    try {
      consumer.sink.deliver(consumer, batch, leaseMs);
    } catch (error) {
      this.#log.error(`deliveries of ${describeQueue(consumer.address)} could not be handed over, they will expire: ${String(error)}`);
    }
  }

  /** Its socket left during the call: nobody saw these deliveries, so they do not count. */
  async #release(number: number, batch: readonly Leased[]): Promise<void> {
    const first = batch[0]?.lease ?? 0;
    await this.#engine.settle(number, [{ first, count: batch.length, verb: "release" }]);
  }

  #retryLater(line: Line, error: unknown): void {
    if (this.#cancelRetry !== undefined) return;
    this.#log.warn(`leasing from ${describeQueue(line.address)} failed: ${String(error)}`);
    this.#cancelRetry = this.#clock.wakeAt(this.#clock.now() + RETRY_MS, () => {
      this.#cancelRetry = undefined;
      for (const each of this.#lines.values()) this.#pump(each);
    });
  }
}
