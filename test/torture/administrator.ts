import { io, type Socket } from "socket.io-client";
import type { Counts, QueueSettings, ScannedMessage } from "../simulation/history.js";
import type { LedgerSeen, MemberName, RoomScan } from "../simulation/room-history.js";

const ANSWER_MS = 20_000;
const PAGE = 1_000;
/** What `socket.io-client` says when the connection is lost meanwhile, and how often in a row that may be. */
const LOST = "socket has been disconnected";
const LOST_MAX = 5;

interface Page<Item, Cursor> {
  readonly items: readonly Item[];
  readonly next?: Cursor;
}

interface RoomCounts {
  readonly head: number;
  readonly next: number;
  readonly published: number;
  readonly expired: number;
}

/** Looks after a server with plain requests, also after it was killed and started again. */
export class Administrator {
  readonly #socket: Socket;
  readonly #user: string;

  /** @param user whose messages it may ask about, in rooms */
  constructor(url: string, user = "administrator") {
    this.#user = user;
    const reconnection = { reconnectionDelay: 10, reconnectionDelayMax: 50 };
    this.#socket = io(url, { transports: ["websocket"], forceNew: true, auth: { user, "holdfast:rooms": false }, ...reconnection });
  }

  /** The answer to a request, which may be made twice when the connection is lost; it throws when there is none, or a refusal. */
  async ask<Ok>(event: string, payload: object): Promise<Ok> {
    const reply = await this.#reply(event, payload, LOST_MAX);
    const { ok, error } = reply as { readonly ok: boolean; readonly error?: object };
    if (!ok) throw new Error(`${event} ${JSON.stringify(payload)}: ${JSON.stringify(error)}`);
    return reply as Ok;
  }

  async #reply(event: string, payload: object, lostMax: number): Promise<unknown> {
    try {
      return await this.#socket.timeout(ANSWER_MS).emitWithAck(event, payload);
    } catch (error) {
      // A server with a short ping timeout ends connections when the machine stands still for a moment.
      if (lostMax === 0 || !(error instanceof Error) || error.message !== LOST) throw error;
      return this.#reply(event, payload, lostMax - 1);
    }
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

  /** Makes a room, and itself a member, so that it may read all that the room has. */
  async openRoom(room: string): Promise<void> {
    await this.ask("holdfast:add", { room, member: { user: this.#user } });
  }

  /** All that a room has, and its counts. */
  async scanRoom(room: string): Promise<Omit<RoomScan, "index" | "at" | "type" | "target">> {
    const messages: { readonly id: string; readonly sequence: number }[] = [];
    for (let before: object | undefined = {}; before !== undefined; ) {
      const page: Page<{ id: string; sequence: number }, number> = await this.ask("holdfast:history", { room, limit: PAGE, ...before });
      messages.push(...page.items.map(({ id, sequence }) => ({ id, sequence })));
      before = page.next === undefined ? undefined : { before: page.next };
    }
    const { items } = await this.ask<Page<MemberName & { since: number }, number>>("holdfast:members", { room, limit: PAGE });
    const members = items.map(({ user, queue, since }) => ({ member: { user, queue } as MemberName, since }));
    const { head, next, published, expired } = await this.ask<RoomCounts>("holdfast:stats", { room });
    return { head, next, published, expired, messages: messages.reverse(), members };
  }

  /** What became of one of its user's messages with each user it was for. */
  async ledger(room: string, id: string): Promise<Pick<LedgerSeen, "delivered" | "pending" | "failed">> {
    const { delivered, pending, failed } = await this.ask<Omit<LedgerSeen, "index" | "at">>("holdfast:receipts", { room, id });
    return { delivered, pending, failed };
  }

  close(): void {
    this.#socket.disconnect();
  }
}
