import { dropConnection } from "../drop-connection.js";
import { Consumer, type Fates } from "./consumer.js";
import { Emitter } from "./emitter.js";
import { Member } from "./member.js";
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
  readonly #emitter: Emitter | undefined;
  readonly #member: Member | undefined;
  readonly #reconnectEveryMs: number | undefined;

  constructor(spec: ClientSpec) {
    this.#session = new Session(spec);
    this.#publisher = spec.publisher && new Publisher(this.#session, spec.publisher);
    this.#consumer = spec.consumer && new Consumer(this.#session, spec.consumer);
    this.#upkeep = spec.upkeep && new Upkeep(this.#session, spec.upkeep);
    this.#emitter = spec.emitter && new Emitter(this.#session, spec.emitter);
    this.#member = spec.member && new Member(this.#session, spec.member);
    this.#reconnectEveryMs = spec.reconnectEveryMs;
  }

  /** Resolves when it is connected. */
  async start(): Promise<void> {
    const { socket } = this.#session;
    this.#consumer?.start();
    this.#member?.start();
    socket.connect();
    await this.#session.whenConnected();
    this.#publisher?.start();
    this.#upkeep?.start();
    this.#emitter?.start();
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
    await Promise.all([this.#publisher?.stop(), this.#upkeep?.stop(), this.#emitter?.stop()]);
  }

  /** Acknowledges whatever comes; resolves once its rooms have nothing more for it. */
  async drain(): Promise<void> {
    this.#consumer?.drain();
    await this.#member?.drain();
  }

  async settleHoard(): Promise<Fates> {
    return (await this.#consumer?.settleHoard()) ?? { accepted: 0, stale: 0, other: [] };
  }

  async stop(): Promise<void> {
    await this.#consumer?.cancel();
    this.#session.close();
  }
}
