import { AddressMap, describeQueue } from "./address.js";
import type { Clock } from "./clock.js";
import type { Consumer, Sink } from "./consumer.js";
import type { Engine, Leased, QueueAddress } from "./engine.js";
import { Line, Seat } from "./line.js";
import type { Log } from "./log.js";
import { effortOf, TurnShares } from "./turn-shares.js";

/**
 * Bytes of messages that one lease call may bring. What goes beyond the mark of the last commit waits for the next one,
 * so a call brings what a fast consumer works on meanwhile. At most this, and what may wait already, lies in a socket.
 */
const LEASE_BYTES_MAX = 262_144;
/** What the consumers of one queue get in a turn of the event loop, before others in this process have theirs: a few milliseconds' work. */
const EFFORT_A_TURN = 4_000;
/** How long to wait after a failed lease call, in case nothing else wakes the queue. */
const RETRY_MS = 1_000;

/** A consumer's lease call, with what it had when it was made. */
interface Turn {
  readonly seat: Seat;
  readonly number: number;
  readonly sink: Sink;
  readonly count: number;
  /** What it could take in all. */
  readonly capacity: number;
  /** Of the line. */
  readonly hints: number;
}

/**
 * Pulls messages from the engine for consumers that can take them.
 *
 * A queue is asked while it may have something and somebody has capacity: on a hint, and whenever capacity or room
 * frees. So live messages and a backlog take the same way. Of much that comes at once, a backlog or what a lost consumer had,
 * each queue gives out its share in a turn of the event loop.
 */
export class Dispatcher {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #lines = new AddressMap<Line>();
  readonly #shares = new TurnShares<Line>(EFFORT_A_TURN, (line) => this.#pump(line));
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
    if (consumer.seat !== undefined) this.remove(consumer);
    let line = this.#lines.get(consumer.address);
    if (line === undefined) {
      line = new Line(consumer.address);
      this.#lines.set(consumer.address, line);
    }
    consumer.seat = new Seat(line, consumer, () => this.wake(consumer));
    line.seats.add(consumer.seat);
    this.wake(consumer);
  }

  /** Stops leasing to a consumer; what a call under way brings is released. */
  remove(consumer: Consumer): void {
    const { seat } = consumer;
    if (seat === undefined) return;
    consumer.seat = undefined;
    const { line } = seat;
    line.seats.delete(seat);
    line.leave(seat);
    if (line.seats.size === 0) this.#lines.delete(line.address);
  }

  /** The queue may have something. */
  hint(address: QueueAddress): void {
    const line = this.#lines.get(address);
    if (line === undefined) return;
    line.hint();
    this.#pump(line);
  }

  /** The consumer may have capacity or room that it did not have. */
  wake(consumer: Consumer): void {
    const { seat } = consumer;
    if (seat === undefined || consumer.leasing !== undefined) return;
    seat.line.enter(seat);
    this.#pump(seat.line);
  }

  /** Leases to nobody any more. */
  stop(): void {
    this.#stopped = true;
    this.#shares.stop();
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    for (const { seats } of [...this.#lines.values()]) for (const { consumer } of seats) this.remove(consumer);
  }

  #pump(line: Line): void {
    while (line.wantsCall && this.#shares.mayGoOn(line)) {
      const turn = this.#next(line);
      if (turn === undefined || !this.#call(line, turn)) return;
    }
  }

  /** The next consumer in turn that can take something. */
  #next(line: Line): Turn | undefined {
    const { first } = line;
    line.first = undefined;
    const again = first?.isReady === true ? this.#take(line, first) : undefined;
    if (again !== undefined) return again;
    for (let seat = line.next; seat !== undefined && line.wantsCall; seat = line.next) {
      const turn = this.#take(line, seat);
      if (turn !== undefined) return turn;
    }
    return undefined;
  }

  /** Takes a consumer out of those ready; one that can take nothing comes back through `wake`. */
  #take(line: Line, seat: Seat): Turn | undefined {
    line.leave(seat);
    const { number, sink } = seat.consumer;
    const capacity = number === undefined ? 0 : this.#engine.capacity(number);
    if (number === undefined || capacity === 0) return undefined;
    const isShared = line.next !== undefined || line.calls > 0;
    const share = isShared ? line.shareOf(this.#engine.waiting(number)) : capacity;
    if (share === 0) {
      line.foundEmpty(seat);
      return undefined;
    }
    const count = sink.reserve(Math.min(capacity, share));
    if (count > 0) return { seat, number, sink, count, capacity, hints: line.hints };
    sink.whenRoom(seat.wake);
    return undefined;
  }

  /** Makes one lease call; returns whether to go on. */
  #call(line: Line, turn: Turn): boolean {
    const { consumer } = turn.seat;
    line.calls++;
    let batch: readonly Leased[] | Promise<readonly Leased[]>;
    try {
      batch = this.#engine.lease(turn.number, turn.count, LEASE_BYTES_MAX, turn.capacity);
    } catch (error) {
      return this.#end(line, turn, this.#failed(line, turn, error));
    }
    if (batch instanceof Promise) {
      consumer.leasing = this.#wait(line, turn, batch).then((served) => {
        consumer.leasing = undefined;
        if (this.#end(line, turn, served)) this.#pump(consumer.seat?.line ?? line);
      });
      return true;
    }
    // It belongs to the consumer as it was a moment ago.
    this.#deliver(consumer, batch);
    line.note(turn.seat, turn.count, batch.length, turn.hints);
    return this.#end(line, turn, true);
  }

  #end(line: Line, { seat, sink }: Turn, served: boolean): boolean {
    line.calls--;
    // Its seat may be another one by now, when it left and came back.
    const now = seat.consumer.seat;
    if (now !== undefined) now.line.enter(now);
    sink.free();
    return served;
  }

  /** Waits for one lease call; resolves to whether to go on, never fails. */
  async #wait(line: Line, turn: Turn, leasing: Promise<readonly Leased[]>): Promise<boolean> {
    const { seat, number, sink, count, hints } = turn;
    const { consumer } = seat;
    try {
      const batch = await leasing;
      if (consumer.number === number && batch.length > 0) {
        if (consumer.sink === sink && consumer.seat !== undefined) this.#deliver(consumer, batch);
        else await this.#release(number, batch);
      }
      line.note(seat, count, batch.length, hints);
      return true;
    } catch (error) {
      return this.#failed(line, turn, error);
    }
  }

  /** For a consumer that is gone by now this is as it should be; else the engine failed, which may recover. */
  #failed(line: Line, { seat, number }: Turn, error: unknown): boolean {
    if (seat.consumer.number !== number) return true;
    this.#retryLater(line, error);
    return false;
  }

  #deliver(consumer: Consumer, batch: readonly Leased[]): void {
    const [first] = batch;
    if (first === undefined) return;
    const { sink, seat } = consumer;
    if (seat !== undefined) this.#shares.spend(seat.line, effortOf(batch.length, bytesOf(batch), sink.messageEffort));
    try {
      sink.deliver(consumer, batch, first.leaseMs);
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

function bytesOf(batch: readonly Leased[]): number {
  let bytes = 0;
  for (const { start, end } of batch) bytes += end - start;
  return bytes;
}
