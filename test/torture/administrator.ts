import { io, type Socket } from "socket.io-client";
import type { Counts, QueueSettings, ScannedMessage } from "../simulation/history.js";
import type { LedgerSeen, MemberName, RoomScan } from "../simulation/room-history.js";

const ANSWER_MS = 20_000;
const PAGE = 1_000;
/** What `socket.io-client` says when the connection is lost meanwhile, and how often in a row that may be. */
const LOST = "socket has been disconnected";
const LOST_MAX = 5;

interface Page<Item> {
  readonly items: readonly Item[];
  readonly next?: string | number;
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
    for await (const name of this.#items<string>("holdfast:list", { kind: "queues" })) if (name === queue) return true;
    return false;
  }

  /** All that a queue has. */
  async scan(queue: string): Promise<ScannedMessage[]> {
    const messages: ScannedMessage[] = [];
    for await (const { id, sequence, state, attempts, key } of this.#items<ScannedMessage>("holdfast:peek", { queue }))
      messages.push({ id, sequence, state, attempts, ...(key !== undefined && { key }) });
    return messages;
  }

  /** What a request lists, page by page. @param cursor where its next page continues */
  async *#items<Item>(event: string, payload: object, cursor: "after" | "before" = "after"): AsyncGenerator<Item> {
    for (let from: object | undefined = {}; from !== undefined; ) {
      const { items, next }: Page<Item> = await this.ask(event, { ...payload, limit: PAGE, ...from });
      yield* items;
      from = next === undefined ? undefined : { [cursor]: next };
    }
  }

  /** Makes a room, and itself a member, so that it may read all that the room has. */
  async openRoom(room: string): Promise<void> {
    await this.ask("holdfast:add", { room, member: { user: this.#user } });
  }

  /** All that a room has, and its counts. */
  async scanRoom(room: string): Promise<Omit<RoomScan, "index" | "at" | "type" | "target">> {
    const messages: { readonly id: string; readonly sequence: number }[] = [];
    for await (const { id, sequence } of this.#items<(typeof messages)[number]>("holdfast:history", { room }, "before"))
      messages.push({ id, sequence });
    const members: { readonly member: MemberName; readonly since: number }[] = [];
    for await (const { user, queue, since } of this.#items<MemberName & { since: number }>("holdfast:members", { room }))
      members.push({ member: { user, queue } as MemberName, since });
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
