import type { SettleRun } from "holdfast-client/protocol";
import type { Broker } from "../broker.js";
import type { Consumer, Sink } from "../consumer.js";
import type { Leased } from "../engine.js";
import { type MessageContent, readMessage, readUnreadable } from "../read-message.js";
import { SettleBatch } from "../settle-batch.js";
import type { Connection } from "./connection.js";
import { DELIVERY_EVENT, EVENT_EFFORT } from "./events.js";
import { answerOf } from "./schemas.js";
import { SocketSink } from "./socket-sink.js";
import { tokenOf } from "./token.js";

/** Deliveries of one lease call: more of them would keep the event loop for longer than others should wait. */
const EVENTS_A_CALL = 64;

/** Delivers to a plain Socket.IO client: one event a message, settled by its acknowledgement callback. */
export class PlainSink extends SocketSink {
  readonly survivesRestart = true;
  readonly messageEffort = EVENT_EFFORT;
  readonly #broker: Broker;
  /** Acknowledgement ids of the deliveries that are not answered yet, by lease. */
  readonly #pending = new Map<number, number>();
  #batch: SettleBatch | undefined;

  constructor(connection: Connection, broker: Broker, maxInFlight: number) {
    super(connection, maxInFlight);
    this.#broker = broker;
  }

  override reserve(count: number): number {
    return super.reserve(Math.min(count, EVENTS_A_CALL));
  }

  deliver(consumer: Consumer, batch: readonly Leased[], leaseMs: number): void {
    this.connection.port.inOneWrite(() => this.#sendAll(consumer, batch, leaseMs));
  }

  #sendAll(consumer: Consumer, batch: readonly Leased[], leaseMs: number): void {
    for (const leased of batch) {
      try {
        this.#send(consumer, leased, leaseMs);
      } catch (error) {
        // Trying again would not help: its body cannot become an event, for this or any other plain client.
        const reason = error instanceof Error ? error.message.slice(0, 200) : "it cannot be sent";
        this.#settle(consumer, { first: leased.lease, count: 1, verb: "reject", reason });
      }
    }
  }

  #send(consumer: Consumer, leased: Leased, leaseMs: number): void {
    const { lease, sequence, attempt, publishedAt, leaseUntil } = leased;
    const { id, body, ...fields } = this.#read(consumer, leased);
    const { queue } = consumer.address;
    const token = tokenOf(this.#broker.engine.epoch, lease);
    const payload = { consumer: consumer.id, queue, id, sequence, attempt, body, publishedAt, token, leaseMs, leaseUntil, ...fields };
    const ackId = this.connection.port.sendForAnswer(DELIVERY_EVENT, payload, (...args) => this.#answered(consumer, lease, args));
    this.#pending.set(lease, ackId);
  }

  /** Where no dead-letter queue would keep an unreadable message, the consumer gets it without its body and decides. */
  #read(consumer: Consumer, { bytes, start, end }: Leased): MessageContent {
    try {
      return readMessage(bytes, start, end);
    } catch (error) {
      if (this.#broker.engine.options(consumer.address)?.deadLetter !== false) throw error;
      return readUnreadable(bytes, start, end, error);
    }
  }

  #answered(consumer: Consumer, lease: number, args: readonly unknown[]): void {
    if (!this.#pending.delete(lease)) return;
    try {
      this.#settle(consumer, answerOf(args, lease));
    } catch {
      // The delivery runs out and comes again, as if there had been no answer.
      this.#broker.counters.invalidCallbacks++;
    }
  }

  #settle(consumer: Consumer, run: SettleRun): void {
    this.#batch ??= new SettleBatch((runs) => this.#broker.consumers.settle(consumer, runs));
    this.#batch.add(run, (error) => {
      if (error?.code === "STALE_LEASE") this.#broker.counters.staleCallbacks++;
    });
  }

  flush(): void {
    this.#batch?.flush();
  }

  ended(leases: Iterable<number>): void {
    for (const lease of leases) {
      const ackId = this.#pending.get(lease);
      if (ackId === undefined) continue;
      this.connection.port.dropAnswer(ackId);
      this.#pending.delete(lease);
    }
  }

  endedAll(): void {
    this.ended([...this.#pending.keys()]);
    this.#batch?.abandon();
  }

  /** Callbacks of the connection before settle on this one too: Socket.IO's clients send them wherever they are connected. */
  takeOver(consumer: Consumer, previous: Sink): void {
    if (!(previous instanceof PlainSink)) return;
    for (const [lease, ackId] of previous.#pending) {
      this.#pending.set(lease, ackId);
      this.connection.port.expectAnswer(ackId, (...args) => this.#answered(consumer, lease, args));
      previous.connection.port.dropAnswer(ackId);
    }
    previous.#pending.clear();
  }
}
