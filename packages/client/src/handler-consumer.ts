import { Attachment } from "./attachment.js";
import type { Connection } from "./connection.js";
import type { ConsumeOptions, Handler } from "./consumer.js";
import { cutReason, type LeasedDelivery } from "./delivery.js";
import type { Verb } from "./frame.js";
import type { Terms } from "./settlements.js";

/** Calls a handler for each delivery, up to `maxInFlight` at a time: acked when it returns, nacked when it throws. */
export class HandlerConsumer<Body> extends Attachment {
  readonly #handler: Handler<Body>;
  #running = 0;

  constructor(connection: Connection, queue: string, options: ConsumeOptions, handler: Handler<Body>) {
    super(connection, queue, options);
    this.#handler = handler;
  }

  protected get busy(): boolean {
    return this.#running > 0;
  }

  protected take(delivery: LeasedDelivery): void {
    this.waiting.push(delivery);
    this.#start();
  }

  /** Starts handlers for what waits. */
  #start(): void {
    while (this.#running < this.maxInFlight) {
      const delivery = this.waiting.shift();
      if (delivery === undefined) break;
      void this.#run(delivery as LeasedDelivery<Body>);
    }
  }

  async #run(delivery: LeasedDelivery<Body>): Promise<void> {
    this.#running++;
    let verb: Verb = "ack";
    let terms: Terms | undefined;
    try {
      await this.#handler(delivery);
    } catch (error) {
      verb = "nack";
      terms = { reason: cutReason(error instanceof Error ? error.message : String(error)) };
    }
    delivery.finish(verb, terms);
    this.#running--;
    this.#start();
    this.leaveIfIdle();
  }
}
