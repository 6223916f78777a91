import { io, type Socket } from "socket.io-client";
import type { Counts, QueueSettings, ScannedMessage } from "../simulation/history.js";

const ANSWER_MS = 20_000;
const PAGE = 1_000;

interface Page<Item, Cursor> {
  readonly items: readonly Item[];
  readonly next?: Cursor;
}

/** Looks after a server with plain requests, also after it was killed and started again. */
export class Administrator {
  readonly #socket: Socket;

  constructor(url: string) {
    const reconnection = { reconnectionDelay: 10, reconnectionDelayMax: 50 };
    this.#socket = io(url, { transports: ["websocket"], forceNew: true, auth: { user: "administrator" }, ...reconnection });
  }

  /** The answer to a request; it throws when there is none, or a refusal. */
  async ask<Ok>(event: string, payload: object): Promise<Ok> {
    const reply: unknown = await this.#socket.timeout(ANSWER_MS).emitWithAck(event, payload);
    const { ok, error } = reply as { readonly ok: boolean; readonly error?: object };
    if (!ok) throw new Error(`${event} ${JSON.stringify(payload)}: ${JSON.stringify(error)}`);
    return reply as Ok;
  }

  async define(queue: string, settings: QueueSettings): Promise<void> {
    await this.ask("holdfast:define", { queue, ...settings });
  }

  async counts(queue: string): Promise<Counts> {
    const { published, redriven, ready, inFlight, delayed, parked, dead, acked, expired, purged } = await this.ask<Counts>(
      "holdfast:stats",
      {
        queue,
      },
    );
    return { published, redriven, ready, inFlight, delayed, parked, dead, acked, expired, purged };
  }

  async exists(queue: string): Promise<boolean> {
    for (let after: string | undefined = ""; after !== undefined; ) {
      const from: object = after === "" ? {} : { after };
      const page: Page<string, string> = await this.ask("holdfast:list", { kind: "queues", limit: PAGE, ...from });
      if (page.items.includes(queue)) return true;
      after = page.next;
    }
    return false;
  }

  /** All that a queue has. */
  async scan(queue: string): Promise<ScannedMessage[]> {
    const messages: ScannedMessage[] = [];
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page: Page<ScannedMessage, number> = await this.ask("holdfast:peek", { queue, after, limit: PAGE });
      for (const { id, sequence, state, attempts, key } of page.items)
        messages.push({ id, sequence, state, attempts, ...(key !== undefined && { key }) });
      after = page.next;
    }
    return messages;
  }

  close(): void {
    this.#socket.disconnect();
  }
}
