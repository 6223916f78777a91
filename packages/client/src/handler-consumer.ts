import { Attachment } from "./attachment.js";
import { packBody } from "./body.js";
import { checkWhole } from "./check.js";
import type { ConsumeOptions, Handler } from "./consumer.js";
import { cutReason, type LeasedDelivery } from "./delivery.js";
import type { HoldfastError } from "./errors.js";
import type { Host } from "./host.js";
import { sizeOf, snapshot } from "./packed.js";

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
      if (delivery.replyTo !== undefined) await this.#answer(delivery, answer);
      delivery.finish("ack");
    } catch (error) {
      delivery.finish("nack", { reason: cutReason(String((error as Partial<Error> | undefined)?.message ?? error)) });
    }
    delivery.forget();
    this.running--;
    const next = this.waiting.shift();
    if (next !== undefined) this.take(next);
    this.leaveIfIdle();
  }

  /**
   * Publishes what the handler returned for a request: by an event of its own, since each requester has its own queue and
   * a lane for each would be kept for ever. What cannot be stored is a fault of the handler.
   */
  async #answer({ replyTo, correlationId, settled }: LeasedDelivery<Body>, answer: unknown = null): Promise<void> {
    if (settled) return;
    const packed = packBody(answer);
    checkWhole("length of the answer", sizeOf(packed), 0, this.host.connection.recordBytesMax);
    const body = snapshot(answer, packed);
    // Nobody waits for it any more when the queue is gone.
    await this.host.requests.send("holdfast:publish", { queue: replyTo, body, correlationId }).catch((error: HoldfastError) => {
      if (error.code !== "NOT_FOUND") throw error;
    });
  }
}
