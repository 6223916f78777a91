import { asJson, refusal } from "../check.js";
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
import type { Answers } from "./settling.js";
import type { Watches } from "./watches.js";
import { type Outcome, Works } from "./work.js";

/** What all rooms of a client have in common: who says to the server that it is a device, and which, and what it watches. */
interface Shared {
  become(device: string | undefined): void;
  readonly watches: Promise<Watches>;
}

const NOBODY: readonly never[] = [];

type PageOptions = { readonly after?: number | undefined; readonly limit?: number | undefined };

/** One room: who handles its messages here, and what is emitted to it. */
export class ClientRoom {
  readonly name: string;
  readonly emitter: Emitter;
  /** It was joined by this client. */
  joined = false;
  readonly #shared: Shared;
  readonly #host: Host;
  /** Replaced as a whole: what a handler adds is for later messages. */
  readonly #handlers = new Map<string, readonly RoomHandler[]>();
  #gapListeners: readonly ((gap: RoomGap) => unknown)[] = [];
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
    checkFunction("listener", listener);
    return (await this.#shared.watches).presence(this.name, listener);
  }

  async watchReceipts(listener: ReceiptsListener, { from }: { readonly from?: number } = {}): Promise<RoomWatch> {
    checkFunction("listener", listener);
    asJson("from", () => JSON.stringify(from));
    return (await this.#shared.watches).receipts(this.name, listener, from);
  }

  /** For what may be sent twice. */
  async #ask(operation: string, fields?: object): Promise<Reply> {
    asJson(operation, () => JSON.stringify(fields));
    return this.#host.requests.send(`holdfast:${operation}`, { room: this.name, ...fields });
  }

  emit(event: string, ...args: unknown[]): Promise<Receipt> {
    return this.emitter.emit(event, args, {});
  }

  emitWith(options: EmitOptions, event: string, ...args: unknown[]): Promise<Receipt> {
    return this.emitter.emit(event, args, options);
  }

  on(event: string, handler: RoomHandler): void {
    checkFunction("handler", handler);
    this.#shared.become(undefined);
    const handlers = this.#handlers.get(event) ?? NOBODY;
    if (!handlers.includes(handler)) this.#handlers.set(event, [...handlers, handler]);
    // Later, since the handlers of other events may be added in the same turn.
    this.#host.connection.after(0, () => {
      if (this.#handlers.size > 0) this.#messages.release();
    });
  }

  off(event: string, handler?: (...args: never[]) => unknown): void {
    const left = handler && this.#handlers.get(event)?.filter((known) => known !== handler);
    if (left === undefined || left.length === 0) this.#handlers.delete(event);
    else this.#handlers.set(event, left);
    if (this.#handlers.size === 0) this.#messages.hold();
  }

  onGap(listener: (gap: RoomGap) => unknown): void {
    checkFunction("listener", listener);
    this.#shared.become(undefined);
    if (!this.#gapListeners.includes(listener)) this.#gapListeners = [...this.#gapListeners, listener];
  }

  /** False when this client did not ask for the room's messages, only emits to it. */
  take(event: string, args: readonly unknown[], delivery: RoomDelivery, answers: Answers): boolean {
    if (!this.joined && this.#handlers.size === 0) return false;
    const { sequence, id } = delivery;
    this.#messages.add(() => `${sequence} ${id}`, {
      run: () => outcomeOf(this.#handlers.get(event) ?? NOBODY, (handler) => handler(...args, delivery)),
      answer: (failure) => (failure === undefined ? answers.ack(sequence) : answers.nack(sequence, { reason: failure })),
    });
    return true;
  }

  /** False when nobody here wants to know: the server tells it again. */
  takeGap(gap: RoomGap, confirm: () => void): boolean {
    if (this.#gapListeners.length === 0) return false;
    this.#gaps.add(() => `${gap.from} ${gap.to}`, {
      run: () => outcomeOf(this.#gapListeners, (listener) => listener(gap)),
      answer: (failure) => {
        if (failure === undefined) confirm();
      },
    });
    return true;
  }
}

/** Of what is no function no message would be acked. */
function checkFunction(name: string, value: unknown): void {
  if (typeof value !== "function") throw refusal(name, value, "a function");
}

/** Calls each, and says why one of them failed; at once when none of them gave a promise. */
function outcomeOf<Callee>(callees: readonly Callee[], call: (callee: Callee) => unknown): Outcome | Promise<Outcome> {
  let failure: Outcome;
  let promises: readonly PromiseLike<unknown>[] | undefined;
  for (const callee of callees) {
    try {
      const result = call(callee);
      if (isPromise(result)) promises = [...(promises ?? []), result];
    } catch (error) {
      failure ??= reasonOf(error);
    }
  }
  if (promises === undefined) return failure;
  return Promise.allSettled(promises).then((results) => {
    for (const result of results) if (result.status === "rejected") failure ??= reasonOf(result.reason);
    return failure;
  });
}

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as PromiseLike<unknown> | undefined)?.then === "function";

const reasonOf = (error: unknown): string => String((error as Partial<Error> | undefined)?.message ?? error);
