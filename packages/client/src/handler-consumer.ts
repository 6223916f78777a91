import { Attachment } from "./attachment.js";
import type { Connection } from "./connection.js";
import type { ConsumeOptions, Handler } from "./consumer.js";
import { cutReason, type LeasedDelivery } from "./delivery.js";

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
      this.#run(delivery as LeasedDelivery<Body>);
    }
  }

  #run(delivery: LeasedDelivery<Body>): void {
    this.#running++;
    let result: Promise<unknown>;
    try {
      result = Promise.resolve(this.#handler(delivery));
    } catch (error) {
      result = Promise.reject(error);
    }
    result.then(
      () => {
        delivery.finish("ack");
        this.#ended(delivery);
      },
      (error: unknown) => {
        delivery.finish("nack", { reason: cutReason(error instanceof Error ? error.message : String(error)) });
        this.#ended(delivery);
      },
    );
  }

  #ended(delivery: LeasedDelivery): void {
    delivery.forget();
    this.#running--;
    this.#start();
    this.leaveIfIdle();
  }
}
