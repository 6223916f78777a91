import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { type Holdfast, HoldfastError, JsonText, type MessageOptions, type Receipt } from "holdfast-client";
import type { LineTarget } from "./publisher.js";

/** How long a reply is waited for before the same is asked again, and how long to wait after a refusal that passes. */
const REPLY_TIMEOUT_MS = 30_000;
const RETRY_MS = 500;

export interface EmitterOptions {
  readonly room: string;
  readonly event: string;
  readonly except: readonly (string | { readonly user: string })[];
  /** Whether a body is the array of arguments, or the only one. */
  readonly asArguments: boolean;
}

/**
 * Emits to a room, one message after the other, so that they keep their order also when the connection is lost: each is
 * asked for again under its id until it is stored or refused for good.
 */
export class RoomEmitter implements LineTarget {
  readonly #socket: Holdfast["socket"];
  readonly #options: EmitterOptions;
  #last: Promise<unknown> = Promise.resolve();

  constructor({ socket }: Holdfast, options: EmitterOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  publish(body: unknown, { id = randomUUID(), ttlMs }: MessageOptions): Promise<Receipt> {
    const value: unknown = body instanceof JsonText ? JSON.parse(body.text) : body;
    const { room, event, except, asArguments } = this.#options;
    const sent = this.#last.then(() => this.#send({ room, event, args: asArguments ? value : [value], except, id, ttlMs }));
    this.#last = sent.catch(() => undefined);
    return sent;
  }

  async #send(payload: object): Promise<Receipt> {
    for (;;) {
      const reply = await this.#ask(payload);
      const [receipt] = reply?.receipts ?? [];
      if (receipt !== undefined) return receipt;
      if (reply === undefined) continue;
      const error = HoldfastError.from(reply.error);
      if (!error.retryable) throw error;
      await sleep(RETRY_MS);
    }
  }

  /** The reply, or undefined when there was none and the server is back. */
  async #ask(payload: object): Promise<{ readonly receipts?: readonly Receipt[]; readonly error?: unknown } | undefined> {
    try {
      return (await this.#socket.timeout(REPLY_TIMEOUT_MS).emitWithAck("holdfast:emit", payload)) as { receipts?: Receipt[] };
    } catch {
      if (!this.#socket.connected) await once(this.#socket as unknown as NodeJS.EventEmitter, "connect");
      return undefined;
    }
  }
}
