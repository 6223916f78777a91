import type { CancelReason, Consumer, Sink } from "../consumer.js";
import type { Leased } from "../engine.js";
import type { Connection } from "./connection.js";
import { CANCELLED_EVENT } from "./events.js";

/** What the sinks of a socket have in common: they share its room, and tell it when a consumer ends. */
export abstract class SocketSink implements Sink {
  readonly connection: Connection;
  readonly expiriesMax: number;
  #wake: (() => void) | undefined;

  /** @param expiriesMax consecutive expiries after which the peer counts as not answering: `maxInFlight` */
  constructor(connection: Connection, expiriesMax: number) {
    this.connection = connection;
    this.expiriesMax = expiriesMax;
  }

  abstract readonly survivesRestart: boolean;
  abstract readonly messageEffort: number;
  abstract deliver(consumer: Consumer, batch: readonly Leased[], leaseMs: number): void;
  abstract ended(leases: Iterable<number>): void;
  abstract endedAll(): void;
  abstract flush(): void;
  abstract takeOver(consumer: Consumer, previous: Sink): void;

  reserve(count: number): number {
    return this.connection.reserve() ? count : 0;
  }

  free(): void {
    this.connection.free();
  }

  whenRoom(wake: () => void): void {
    this.#wake = wake;
    this.connection.whenRoom(this.#onRoom);
  }

  /** One for all calls, so that a sink waits once. */
  #onRoom = (): void => this.#wake?.();

  drained(): Promise<void> {
    return Promise.resolve();
  }

  closed(consumer: Consumer, reason: CancelReason | undefined): void {
    this.endedAll();
    this.connection.drop(consumer);
    if (reason !== undefined) {
      this.connection.port.send(CANCELLED_EVENT, { consumer: consumer.id, queue: consumer.address.queue, reason });
    }
  }
}
