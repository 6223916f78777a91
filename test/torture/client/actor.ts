import { dropConnection } from "../drop-connection.js";
import { Consumer, type Fates } from "./consumer.js";
import { Publisher } from "./publisher.js";
import { Session } from "./session.js";
import type { ClientSpec } from "./spec.js";
import { Upkeep } from "./upkeep.js";

/** One client with a connection, and all that it does on it. */
export class Actor {
  readonly #session: Session;
  readonly #publisher: Publisher | undefined;
  readonly #consumer: Consumer | undefined;
  readonly #upkeep: Upkeep | undefined;
  readonly #reconnectEveryMs: number | undefined;

  constructor(spec: ClientSpec) {
    this.#session = new Session(spec);
    this.#publisher = spec.publisher && new Publisher(this.#session, spec.publisher);
    this.#consumer = spec.consumer && new Consumer(this.#session, spec.consumer);
    this.#upkeep = spec.upkeep && new Upkeep(this.#session, spec.upkeep);
    this.#reconnectEveryMs = spec.reconnectEveryMs;
  }

  /** Resolves when it is connected. */
  async start(): Promise<void> {
    const { socket } = this.#session;
    this.#consumer?.start();
    socket.connect();
    await this.#session.whenConnected();
    this.#publisher?.start();
    this.#upkeep?.start();
    if (this.#reconnectEveryMs !== undefined) this.#dropAbout(this.#reconnectEveryMs);
  }

  /** The connection is lost now and then, and made again by itself. */
  #dropAbout(everyMs: number): void {
    const { random, socket } = this.#session;
    const next = (): void => {
      dropConnection(socket.io);
      setTimeout(next, random.below(2 * everyMs)).unref();
    };
    setTimeout(next, random.below(2 * everyMs)).unref();
  }

  /** Publishes no more; resolves once what is under way is over. */
  async quiet(): Promise<void> {
    await Promise.all([this.#publisher?.stop(), this.#upkeep?.stop()]);
  }

  /** Acknowledges whatever comes. */
  drain(): void {
    this.#consumer?.drain();
  }

  async settleHoard(): Promise<Fates> {
    return (await this.#consumer?.settleHoard()) ?? { accepted: 0, stale: 0, other: [] };
  }

  async stop(): Promise<void> {
    await this.#consumer?.cancel();
    this.#session.close();
  }
}
