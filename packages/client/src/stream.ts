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

interface Taker<Body> {
  readonly resolve: (result: IteratorResult<Delivery<Body>, undefined>) => void;
  readonly reject: (error: HoldfastError) => void;
}

const END = { done: true, value: undefined } as const;

/** A consumer that is asked for its deliveries. */
export class StreamConsumer<Body> extends Attachment implements DeliveryStream<Body> {
  readonly #takers = new Fifo<Taker<Body>>();
  #ended = false;
  #error: HoldfastError | undefined;

  [Symbol.asyncIterator](): this {
    return this;
  }

  protected take(delivery: LeasedDelivery): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.waiting.push(delivery);
    else taker.resolve({ done: false, value: delivery as LeasedDelivery<Body> });
  }

  next(): Promise<IteratorResult<Delivery<Body>, undefined>> {
    const delivery = this.waiting.shift();
    return new Promise((resolve, reject) => {
      if (delivery !== undefined) resolve({ done: false, value: delivery as LeasedDelivery<Body> });
      else if (this.#ended) this.#finish({ resolve, reject });
      else this.#takers.push({ resolve, reject });
    });
  }

  async return(): Promise<IteratorResult<Delivery<Body>, undefined>> {
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
    for (const taker of this.#takers.clear()) this.#finish(taker);
  }

  /** The error is thrown once; after it the iterator is done. */
  #finish({ resolve, reject }: Taker<Body>): void {
    const error = this.#error;
    this.#error = undefined;
    if (error === undefined) resolve(END);
    else reject(error);
  }
}
