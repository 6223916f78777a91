import type { Reply } from "../connection.js";
import type { Host } from "../host.js";
import type { Receipt } from "../message.js";
import type {
  EmitOptions,
  JoinOptions,
  PresenceListener,
  ReceiptsListener,
  RoomDelivery,
  RoomGap,
  RoomHandler,
  RoomWatch,
} from "../room.js";
import { Emitter } from "./emitter.js";
import type { Watches } from "./watches.js";
import { type Callback, type Work, Works } from "./work.js";

/** What all rooms of a client have in common: who says to the server that it is a device, and which, and what it watches. */
interface Shared {
  become(device: string | undefined): void;
  readonly watches: Promise<Watches>;
}

type PageOptions = { readonly after?: number | undefined; readonly limit?: number | undefined };

/** Characters of a reason; they are at most 1,024 bytes. */
const REASON_MAX = 340;

/** One room: who handles its messages here, and what is emitted to it. */
export class ClientRoom {
  readonly name: string;
  readonly emitter: Emitter;
  /** It was joined by this client. */
  joined = false;
  readonly #shared: Shared;
  readonly #host: Host;
  readonly #handlers = new Map<string, Set<RoomHandler>>();
  readonly #gapListeners = new Set<(gap: RoomGap) => unknown>();
  readonly #messages = new Works();
  readonly #gaps = new Works();

  constructor(name: string, shared: Shared, host: Host) {
    this.name = name;
    this.#shared = shared;
    this.#host = host;
    this.emitter = new Emitter(name, host);
    this.#gaps.release();
  }

  get idle(): boolean {
    return this.#messages.idle && this.#gaps.idle;
  }

  async join({ from, device }: JoinOptions = {}): Promise<number> {
    this.#shared.become(device);
    // Its messages may come before the reply.
    this.joined = true;
    const { sequence } = await this.#ask("join", { from, device, meta: true });
    return sequence as number;
  }

  async leave(): Promise<void> {
    await this.#ask("leave");
    this.joined = false;
  }

  receipts(id: string, page?: PageOptions): Promise<Reply> {
    return this.#ask("receipts", { id, ...page });
  }

  history(options?: object): Promise<Reply> {
    return this.#ask("history", options);
  }

  members(page?: PageOptions): Promise<Reply> {
    return this.#ask("members", page);
  }

  presence(page?: PageOptions): Promise<Reply> {
    return this.#ask("presence", page);
  }

  async watchPresence(listener: PresenceListener): Promise<RoomWatch> {
    return (await this.#shared.watches).presence(this.name, listener);
  }

  async watchReceipts(listener: ReceiptsListener, { from }: { readonly from?: number } = {}): Promise<RoomWatch> {
    return (await this.#shared.watches).receipts(this.name, listener, from);
  }

  /** For what may be sent twice. */
  #ask(operation: string, fields?: object): Promise<Reply> {
    return this.#host.requests.send(`holdfast:${operation}`, { room: this.name, ...fields });
  }

  emit(event: string, ...args: unknown[]): Promise<Receipt> {
    return this.emitter.emit(event, args, {});
  }

  emitWith(options: EmitOptions, event: string, ...args: unknown[]): Promise<Receipt> {
    return this.emitter.emit(event, args, options);
  }

  on(event: string, handler: RoomHandler): void {
    this.#shared.become(undefined);
    const handlers = this.#handlers.get(event) ?? new Set();
    this.#handlers.set(event, handlers.add(handler));
    // Later, since the handlers of other events may be added in the same turn.
    this.#host.connection.after(0, () => {
      if (this.#handlers.size > 0) this.#messages.release();
    });
  }

  off(event: string, handler?: (...args: never[]) => unknown): void {
    const handlers = this.#handlers.get(event);
    if (handlers === undefined) return;
    if (handler === undefined) handlers.clear();
    else handlers.delete(handler as RoomHandler);
    if (handlers.size === 0) this.#handlers.delete(event);
    if (this.#handlers.size === 0) this.#messages.hold();
  }

  onGap(listener: (gap: RoomGap) => unknown): void {
    this.#shared.become(undefined);
    this.#gapListeners.add(listener);
  }

  /** False when this client did not ask for the room's messages, only emits to it. */
  take(event: string, args: readonly unknown[], delivery: RoomDelivery, callback: Callback): boolean {
    if (!this.joined && this.#handlers.size === 0) return false;
    const work: Work = {
      callback,
      run: async () => {
        const handlers = [...(this.#handlers.get(event) ?? [])];
        const failure = await failureOf(handlers.map(async (handler) => handler(...args, delivery)));
        if (failure === undefined) work.callback();
        else work.callback({ nack: { reason: failure.slice(0, REASON_MAX) } });
      },
    };
    this.#messages.add(`${delivery.sequence} ${delivery.id}`, work);
    return true;
  }

  /** False when nobody here wants to know: the server tells it again. */
  takeGap(gap: RoomGap, callback: Callback): boolean {
    if (this.#gapListeners.size === 0) return false;
    const work: Work = {
      callback,
      run: async () => {
        const failure = await failureOf([...this.#gapListeners].map(async (listener) => listener(gap)));
        if (failure === undefined) work.callback();
      },
    };
    this.#gaps.add(`${gap.from} ${gap.to}`, work);
    return true;
  }
}

/** Why one of them failed, once all have ended; undefined when none did. */
async function failureOf(calls: readonly Promise<unknown>[]): Promise<string | undefined> {
  const results = await Promise.allSettled(calls);
  const failed = results.find((result) => result.status === "rejected");
  if (failed === undefined) return undefined;
  const reason: unknown = failed.reason;
  return String((reason as Partial<Error> | undefined)?.message ?? reason);
}
