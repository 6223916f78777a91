import type { RoomSettings, Target } from "../simulation/room-history.js";
import { Administrator } from "./administrator.js";
import { END_EVENT } from "./client/spec.js";
import type { HistoryFile } from "./history-file.js";

/** A room that nobody defined has this. */
const DEFAULTS: RoomSettings = { maxAgeMs: 604_800_000, maxMessages: 0, maxBytes: 0, poison: "dead-letter" };
/** Of the newest messages of a room so many ledgers are read. */
const LEDGERS_MAX = 100;

/** The durable rooms of a round, and the users who are members of them all. */
export interface RoomsOptions {
  readonly rooms: readonly string[];
  readonly users: readonly string[];
  /** Who emits to them. */
  readonly sender: string;
}

/** What the driver of a round does about rooms: they are there before anybody emits, and looked at when all came to everybody. */
export class RoundRooms {
  readonly #sender: Administrator;
  /** One for each room: who is in several is not shown everything in each of them. */
  readonly #readers: ReadonlyMap<string, Administrator>;
  readonly #history: HistoryFile;
  readonly #options: RoomsOptions;
  #calls = 0;

  /** @param history of the driver, whose calls have the lowest numbers */
  constructor(url: string, history: HistoryFile, options: RoomsOptions) {
    this.#sender = new Administrator(url, options.sender);
    this.#readers = new Map(options.rooms.map((room) => [room, new Administrator(url, `reader-of-${room}`)]));
    this.#history = history;
    this.#options = options;
  }

  async begin(): Promise<void> {
    for (const [room, reader] of this.#readers) {
      this.#history.add({ type: "define-room", room, options: DEFAULTS });
      await reader.openRoom(room);
      for (const user of this.#options.users) {
        const call = ++this.#calls;
        this.#history.add({ type: "member-add", call, room, member: { user } });
        await this.#sender.ask("holdfast:add", { room, member: { user } });
        this.#history.add({ type: "member-done", call, outcome: "ok" });
      }
    }
  }

  /** Nobody else emits any more: by this a device knows that all before it came. */
  async emitLast(): Promise<void> {
    for (const room of this.#options.rooms) await this.#emitLast(room);
  }

  /** Each device took what was left for it. */
  drained(): void {
    this.#history.add({ type: "rooms-drained" });
  }

  async #emitLast(room: string): Promise<void> {
    const call = ++this.#calls;
    const message = { id: `last-of-${room}`, event: END_EVENT };
    const target: Target = { room };
    this.#history.add({ type: "emit", call, to: [target], except: [], body: "", ...message });
    const { receipts } = await this.#sender.ask<{
      readonly receipts: readonly { readonly sequence: number; readonly duplicate: boolean }[];
    }>("holdfast:emit", { room, args: [""], ...message });
    const told = receipts.map(({ sequence, duplicate }) => ({ sequence, duplicate }));
    this.#history.add({ type: "emit-done", call, outcome: "ok", receipts: told });
  }

  async lookAt(): Promise<void> {
    for (const [room, reader] of this.#readers) {
      const target = { room };
      const scan = await reader.scanRoom(room);
      this.#history.add({ type: "room-scan", target, ...scan });
      for (const { id, sequence } of scan.messages.slice(-LEDGERS_MAX))
        this.#history.add({ type: "ledger", target, sequence, ...(await this.#sender.ledger(room, id)) });
    }
  }

  close(): void {
    for (const admin of [this.#sender, ...this.#readers.values()]) admin.close();
  }
}
