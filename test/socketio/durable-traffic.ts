import type { Holdfast } from "holdfast";
import type { Holdfast as Client } from "holdfast-client";
import type { Socket } from "socket.io-client";
import { expect } from "vitest";

const QUEUE = "beside";

interface Body {
  readonly number: number;
  /** In every other message, so that packets with and without attachments alternate. */
  readonly bytes?: Uint8Array;
}

/** One durable message after the other to whichever client can take it, while a test uses the same sockets for its own. */
export class DurableTraffic {
  readonly #holdfast: Holdfast;
  readonly #seen = new Set<number>();
  #published = 0;
  #ending = false;
  #wake: () => void = () => undefined;
  #running: Promise<void> | undefined;

  constructor(holdfast: Holdfast) {
    this.#holdfast = holdfast;
  }

  /** By plain events: consumes anew on each connection, and settles by acknowledgement callback. */
  consumeBy(socket: Socket): void {
    socket.on("connect", () => socket.emit("holdfast:consume", { queue: QUEUE }));
    socket.on("holdfast:delivery", ({ body }: { readonly body: Body }, settle: () => void) => {
      this.#arrived(body);
      settle();
    });
    this.#start();
  }

  /** By frames. */
  consumeWith(client: Client): void {
    client.queue<Body>(QUEUE).consume(({ body }) => this.#arrived(body));
    this.#start();
  }

  #arrived({ number, bytes }: Body): void {
    if (number % 2 === 1 && bytes?.length !== 3) throw new Error(`message ${number} lost its bytes`);
    this.#seen.add(number);
    this.#wake();
  }

  #start(): void {
    this.#running ??= this.#publish();
  }

  async #publish(): Promise<void> {
    const queue = this.#holdfast.queue<Body>(QUEUE);
    while (!this.#ending) {
      const number = this.#published++;
      await queue.publish(number % 2 === 1 ? { number, bytes: Uint8Array.of(1, 2, 3) } : { number });
      while (!this.#seen.has(number) && !this.#ending) await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Stops, and resolves once every message was delivered and settled. */
  async finish(): Promise<void> {
    this.#ending = true;
    this.#wake();
    if (this.#running === undefined) return;
    await this.#running;
    const queue = this.#holdfast.queue<Body>(QUEUE);
    // Takes what was with clients that are gone.
    const rest = queue.consume(({ body }) => this.#arrived(body));
    let stats = await queue.stats();
    while (stats.acked < stats.published) {
      await new Promise(setImmediate);
      stats = await queue.stats();
    }
    await rest.cancel();
    expect(this.#seen.size).toBe(this.#published);
    expect(stats).toMatchObject({ published: this.#published, acked: this.#published, dead: 0 });
  }
}
