import type { HoldfastError } from "../errors.js";
import type { Host } from "../host.js";
import type { Pending, Receipt } from "../message.js";
import type { Line } from "../outbox.js";
import type { EmitOptions } from "../room.js";

/** An event on its way. */
interface Emission {
  readonly entry: Pending;
  /** The same whenever it is sent, with its id. */
  readonly payload: { readonly args: unknown; readonly [field: string]: unknown };
}

/** What is emitted to one room: one after the other, each sent again until its fate is known. It waits in the outbox. */
export class Emitter implements Line {
  readonly #room: string;
  readonly #host: Host;
  readonly #emissions: Emission[] = [];
  #adding: Emission["payload"] | undefined;
  #count = 0;
  #going = false;

  constructor(room: string, host: Host) {
    this.#room = room;
    this.#host = host;
  }

  emit(event: string, args: readonly unknown[], options: EmitOptions): Promise<Receipt> {
    const { id = `${this.#host.outbox.producer}-${++this.#count}`, key, headers, ttlMs, except } = options;
    this.#adding = { room: this.#room, event, args, id, key, headers, ttlMs, except };
    return this.#host.outbox.publish(this, args, { ...options, event });
  }

  /** The outbox took responsibility for what is being emitted. */
  add(entry: Pending): void {
    // As they are now, whatever their owner does to them before they are sent.
    const args = typeof entry.body === "string" ? JSON.parse(entry.body) : structuredClone(this.#adding?.args);
    this.#emissions.push({ entry, payload: { ...this.#adding, args } });
    this.go();
  }

  /** Takes out what was never sent. */
  remove(entry: Pending): Pending[] {
    const at = this.#emissions.findIndex((emission) => emission.entry === entry);
    return this.#emissions.splice(at, at < 0 ? 0 : 1).map((emission) => emission.entry);
  }

  /** To be called when the connection is there. */
  go(): void {
    if (!this.#going && this.#host.connection.ready) void this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    this.#going = true;
    for (let first = this.#emissions[0]; first !== undefined && this.#host.connection.ready; first = this.#emissions[0]) {
      await this.#store(first);
      if (this.#emissions[0] === first) this.#emissions.shift();
    }
    this.#going = false;
  }

  /** Ends when the fate of the emission is known. */
  async #store({ entry, payload }: Emission): Promise<void> {
    const { connection, requests, outbox } = this.#host;
    let doubtful = false;
    const mayResend = (): boolean => {
      doubtful = true;
      return true;
    };
    for (let attempt = 0; !entry.done; attempt++) {
      entry.number = 1;
      try {
        const { receipts } = await requests.send("holdfast:emit", payload, mayResend);
        outbox.finish(entry);
        const [receipt] = receipts as [Receipt];
        entry.resolve(receipt);
      } catch (thrown) {
        const error = thrown as HoldfastError;
        if (error.code === "UNKNOWN") doubtful = true;
        if (error.retryable) {
          await new Promise<void>((resolve) => connection.pause(attempt, resolve));
        } else {
          outbox.finish(entry);
          entry.reject(doubtful && error.code !== "ID_CONFLICT" ? entry.failure(error.code, error.message) : error);
        }
      }
    }
  }

  /** Fails everything: the server refuses this client, or it is closed. */
  abandon({ code, message }: HoldfastError): void {
    for (const { entry } of this.#emissions.splice(0)) {
      this.#host.outbox.finish(entry);
      entry.fail(code, message);
    }
  }
}
