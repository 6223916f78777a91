import { Attachment } from "./attachment.js";
import type { ConsumeOptions, Handler } from "./consumer.js";
import { cutReason, type LeasedDelivery } from "./delivery.js";
import type { Host } from "./host.js";

/** Calls a handler for each delivery, up to `maxInFlight` at a time: acked when it returns, nacked when it throws. */
export class HandlerConsumer<Body> extends Attachment {
  readonly #handler: Handler<Body>;

  constructor(host: Host, queue: string, options: ConsumeOptions, handler: Handler<Body>) {
    super(host, queue, options);
    this.#handler = handler;
  }

  protected take(delivery: LeasedDelivery): void {
    if (this.running < this.maxInFlight) void this.#run(delivery as LeasedDelivery<Body>);
    else this.waiting.push(delivery);
  }

  async #run(delivery: LeasedDelivery<Body>): Promise<void> {
    this.running++;
    try {
      const answer = await this.#handler(delivery);
      if (delivery.replyTo !== undefined && !delivery.settled) {
        // A chunk of its own, loaded with the first request.
        await (await import("./answer.js")).publishAnswer(this.host, delivery, answer);
      }
      delivery.finish("ack");
    } catch (error) {
      delivery.finish("nack", { reason: cutReason(String((error as Partial<Error> | undefined)?.message ?? error)) });
    }
    delivery.forget();
    this.running--;
    const next = this.waiting.shift();
    if (next) this.take(next);
    this.leaveIfIdle();
  }
}
