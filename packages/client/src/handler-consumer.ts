import { Attachment } from "./attachment.js";
import { packBody } from "./body.js";
import type { Connection } from "./connection.js";
import type { ConsumeOptions, Handler } from "./consumer.js";
import { cutReason, type LeasedDelivery } from "./delivery.js";
import { HoldfastError } from "./errors.js";
import type { Requests } from "./requests.js";
import { snapshot } from "./snapshot.js";

/** Calls a handler for each delivery, up to `maxInFlight` at a time: acked when it returns, nacked when it throws. */
export class HandlerConsumer<Body> extends Attachment {
  readonly #connection: Connection;
  readonly #requests: Requests;
  readonly #handler: Handler<Body>;
  #running = 0;

  constructor(connection: Connection, queue: string, options: ConsumeOptions, handler: Handler<Body>, requests: Requests) {
    super(connection, queue, options);
    this.#connection = connection;
    this.#requests = requests;
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
      if (delivery.replyTo !== undefined) result = result.then((answer) => this.#answer(delivery, answer));
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

  /**
   * Publishes what the handler returned for a request: by an event of its own, since each requester has its own queue and
   * a lane for each would be kept for ever. What cannot be stored is a fault of the handler.
   */
  async #answer({ replyTo, correlationId, settled }: LeasedDelivery<Body>, answer: unknown = null): Promise<void> {
    if (settled) return;
    const packed = packBody(answer);
    const { length } = typeof packed === "string" ? packed : packed.bytes;
    if (length > this.#connection.recordBytesMax) throw new HoldfastError("TOO_LARGE", `the answer takes ${length} bytes`);
    const body = snapshot(answer, packed);
    // Nobody waits for it any more when the queue is gone.
    await this.#requests.send("holdfast:publish", { queue: replyTo, body, correlationId }).catch((error: HoldfastError) => {
      if (error.code !== "NOT_FOUND") throw error;
    });
  }

  #ended(delivery: LeasedDelivery): void {
    delivery.forget();
    this.#running--;
    this.#start();
    this.leaveIfIdle();
  }
}
