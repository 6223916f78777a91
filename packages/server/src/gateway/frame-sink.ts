import type { Consumer } from "../consumer.js";
import type { Leased } from "../engine.js";
import { SocketSink } from "./socket-sink.js";

/** Delivers to our own client: records as they are, many in a frame. */
export class FrameSink extends SocketSink {
  /** Its client knows the leases by a handle that ends with the engine's life, so it is told and consumes anew. */
  readonly messageEffort = 1;
  readonly survivesRestart = false;

  deliver(consumer: Consumer, batch: readonly Leased[], leaseMs: number): void {
    this.connection.outbox.deliveries(consumer.handle, batch, leaseMs);
  }

  flush(): void {
    // What a frame settles takes effect with it.
  }

  ended(): void {
    // Nothing is kept for a delivery; a late settlement is stale.
  }

  endedAll(): void {
    // As above.
  }

  takeOver(): void {
    // The client says itself which leases it still holds.
  }
}
