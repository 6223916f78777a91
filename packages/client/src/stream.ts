import { Attachment } from "./attachment.js";
import type { Consumer } from "./consumer.js";
import type { Delivery, LeasedDelivery } from "./delivery.js";
import type { HoldfastError } from "./errors.js";
import { Fifo } from "./fifo.js";

/**
 * Deliveries as they come. Leaving the loop cancels the consumer: what was handed out and not settled by then goes back
 * to the queue, uncounted, with what was not handed out. When the server ends the consumer, the loop throws.
 */
export interface DeliveryStream<Body = unknown> extends Consumer, AsyncIterableIterator<Delivery<Body>, undefined> {}

type Result<Body> = IteratorResult<Delivery<Body>, undefined>;

const END = { done: true } as IteratorReturnResult<undefined>;

/** A consumer that is asked for its deliveries. */
export class StreamConsumer<Body> extends Attachment implements DeliveryStream<Body> {
  /** Those who wait for a delivery. */
  readonly #takers = new Fifo<(result: Result<Body> | Promise<Result<Body>>) => void>();
  /** The body of the loop works on it. */
  #current: LeasedDelivery | undefined;
  #ended = false;
  #error: HoldfastError | undefined;

  [Symbol.asyncIterator](): this {
    return this;
  }

  protected take(delivery: LeasedDelivery): void {
    const taker = this.#takers.shift();
    if (taker) this.#hand(delivery, taker);
    else this.waiting.push(delivery);
  }

  #hand(delivery: LeasedDelivery, taker: (result: Result<Body>) => void): void {
    this.#current = delivery;
    taker({ done: false, value: delivery as LeasedDelivery<Body> });
  }

  next(): Promise<Result<Body>> {
    const current = this.#current;
    this.#current = undefined;
    if (current && !current.settled) current.letGo = true;
    return new Promise((resolve) => {
      const delivery = this.waiting.shift();
      if (delivery) this.#hand(delivery, resolve);
      else if (this.#ended) resolve(this.#last());
      else this.#takers.push(resolve);
    });
  }

  async return(): Promise<Result<Body>> {
    await this.cancel();
    return END;
  }

  override leave(): void {
    this.#end();
    super.leave();
  }

  override end(error?: HoldfastError): void {
    this.#end(error);
    super.end(error);
  }

  #end(error?: HoldfastError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    for (const taker of this.#takers.clear()) taker(this.#last());
  }

  /** The error is thrown once; after it the iterator is done. */
  async #last(): Promise<Result<Body>> {
    const error = this.#error;
    this.#error = undefined;
    if (error) throw error;
    return END;
  }
}
