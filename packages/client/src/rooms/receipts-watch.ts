import type { HoldfastError } from "../errors.js";
import type { Host } from "../host.js";
import type { ReceiptsListener, RoomMessageCounts } from "../room.js";

/** What becomes of this user's messages in one room, for its listeners. */
export class ReceiptsWatch {
  readonly #host: Host;
  readonly #room: string;
  readonly #over: () => void;
  readonly #listeners = new Set<ReceiptsListener>();
  /** Messages that are pending with somebody, and one past the newest that was told: on another connection it goes on there. */
  readonly #open = new Set<number>();
  #next: number | undefined;
  #asking = false;

  /** @param over called when nobody listens any more */
  constructor(host: Host, room: string, over: () => void) {
    this.#host = host;
    this.#room = room;
    this.#over = over;
  }

  async add(listener: ReceiptsListener, from: number | undefined): Promise<void> {
    this.#listeners.add(listener);
    try {
      const items = await this.#ask(from);
      if (items.length > 0) listener(items);
    } catch (error) {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#over();
      throw error;
    }
  }

  async remove(listener: ReceiptsListener): Promise<void> {
    if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
    this.#over();
    const sent = this.#host.requests.send("holdfast:receipts", { room: this.#room, watch: false });
    // Without a connection nothing is watched; it is sent with the next one all the same, after what waits for that.
    if (this.#host.connection.ready) await sent;
    else sent.catch(() => {});
  }

  take(items: readonly RoomMessageCounts[]): void {
    if (items.length === 0) return;
    this.#note(items);
    for (const listener of this.#listeners) listener(items);
  }

  /** The server does not watch it for this client any more: it is asked to. A request under way is sent again by itself. */
  again(): void {
    if (this.#next !== undefined && !this.#asking && this.#listeners.size > 0) void this.#keepAsking();
  }

  async #keepAsking(): Promise<void> {
    this.#asking = true;
    for (let attempt = 0; this.#listeners.size > 0; attempt++) {
      try {
        this.take(await this.#ask(Math.min(this.#next ?? 0, ...this.#open)));
        break;
      } catch (error) {
        if ((error as HoldfastError).retryable) {
          await new Promise<void>((resolve) => this.#host.connection.pause(attempt, resolve));
        } else {
          // The room is gone.
          this.#over();
          this.#listeners.clear();
        }
      }
    }
    this.#asking = false;
  }

  async #ask(from: number | undefined): Promise<readonly RoomMessageCounts[]> {
    const reply = await this.#host.requests.send("holdfast:receipts", { room: this.#room, watch: true, from });
    this.#next = Math.max(this.#next ?? 0, reply.from as number);
    const items = reply.items as readonly RoomMessageCounts[];
    this.#note(items);
    return items;
  }

  #note(items: readonly RoomMessageCounts[]): void {
    for (const { sequence, counts } of items) {
      if (counts.pending > 0) this.#open.add(sequence);
      else this.#open.delete(sequence);
      this.#next = Math.max(this.#next ?? 0, sequence + 1);
    }
  }
}
