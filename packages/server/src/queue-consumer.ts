import type { Broker } from "./broker.js";
import type { CancelReason, Consumer } from "./consumer.js";
import type { QueueAddress } from "./engine.js";
import { type Answer, type Handler, type HandlerLimits, HandlerSink } from "./handler-sink.js";
import { publishAnswer } from "./publish.js";
import type { Settings } from "./settings.js";

/** A handler attached to a queue. */
export class QueueConsumer {
  /** Resolves when it takes messages. Fails as `consume` of a client would; then it takes none. */
  readonly ready: Promise<void>;
  /** Resolves when it takes no more: to undefined after `cancel`, else to why. */
  readonly ended: Promise<CancelReason | undefined>;
  readonly #broker: Broker;
  #consumer: Consumer | undefined;
  #cancelled = false;

  /** @param defined what has to be done before */
  constructor(
    broker: Broker,
    settings: Settings,
    address: QueueAddress,
    handler: Handler<never>,
    handlerLimits: HandlerLimits,
    defined: Promise<void> | undefined,
  ) {
    this.#broker = broker;
    let end: (reason: CancelReason | undefined) => void = () => undefined;
    this.ended = new Promise((resolve) => {
      end = resolve;
    });
    const { clock, log, limits } = settings;
    const answer: Answer = async (queue, body, correlationId) => {
      await publishAnswer(broker, address.namespace, { queue, body, correlationId }, limits.bodyBytesMax);
    };
    const sink = new HandlerSink(handler, handlerLimits, { broker, clock, log, answer, onClosed: end });
    this.ready = this.#attach(address, handlerLimits.maxInFlight, sink, defined);
    this.ready.catch((error: unknown) => log.error(`queue ${address.queue} is not consumed: ${String(error)}`));
  }

  async #attach(address: QueueAddress, maxInFlight: number, sink: HandlerSink<never>, defined: Promise<void> | undefined): Promise<void> {
    await defined;
    await this.#broker.ensure(address);
    this.#consumer = await this.#broker.consumers.add(address, { maxInFlight, identity: undefined }, sink);
    if (this.#cancelled) await this.#broker.consumers.end(this.#consumer, undefined, false);
    else this.#broker.consumers.start(this.#consumer);
  }

  /** Takes no more messages; resolves when the handlers at work have finished and their messages are settled. */
  async cancel(): Promise<void> {
    this.#cancelled = true;
    await this.ready.catch(() => undefined);
    if (this.#consumer !== undefined) await this.#broker.consumers.finish(this.#consumer);
  }
}
