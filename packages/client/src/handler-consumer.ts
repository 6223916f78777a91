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
  #starting = false;

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

  /** Starts handlers for what waits; a handler that returns at once must not start the next from within itself. */
  #start(): void {
    if (this.#starting) return;
    this.#starting = true;
    while (this.#running < this.maxInFlight) {
      const delivery = this.waiting.shift();
      if (delivery === undefined) break;
      this.#run(delivery as LeasedDelivery<Body>);
    }
    this.#starting = false;
  }

  #run(delivery: LeasedDelivery<Body>): void {
    this.#running++;
    try {
      const result = this.#handler(delivery) as PromiseLike<unknown> | null | undefined;
      if (typeof result?.then !== "function") this.#end(delivery, "ack");
      else
        result.then(
          () => this.#end(delivery, "ack"),
          (error) => this.#fail(delivery, error),
        );
    } catch (error) {
      this.#fail(delivery, error);
    }
  }

  #fail(delivery: LeasedDelivery<Body>, error: unknown): void {
    this.#end(delivery, "nack", { reason: cutReason(error instanceof Error ? error.message : String(error)) });
  }

  #end(delivery: LeasedDelivery<Body>, verb: Verb, terms?: Terms): void {
    delivery.finish(verb, terms);
    this.#running--;
    this.#start();
    this.leaveIfIdle();
  }
}
