import type { Holdfast } from "holdfast-client";
import { HoldfastError } from "holdfast-client/protocol";
import { CommandError, EXIT } from "./exit-codes.js";
import { jsonOf } from "./line-of.js";
import type { LineWriter } from "./line-writer.js";
import { oneLine } from "./one-line.js";
import type { Progress } from "./progress.js";

const JOIN_TIMEOUT_MS = 30_000;
const JOIN_AGAIN_MS = 1_000;

export interface ListenerOptions {
  readonly room: string;
  readonly from: "new" | "earliest" | number;
  /** End after so many messages; undefined: never. */
  readonly count: number | undefined;
  /** Whether a line says all about a message, or its event and arguments. */
  readonly meta: boolean;
}

/** What will not come. */
interface Gap {
  readonly room?: string;
  readonly from: number;
  readonly to: number;
  readonly reason: string;
  /** How many of them; absent: all. */
  readonly count?: number;
}

/** The last argument before the callback, with `meta: true`. */
interface Meta {
  readonly id: string;
  readonly room?: string;
  readonly sequence: number;
  readonly redelivered: boolean;
  readonly sender?: string;
  readonly key?: string;
  readonly headers?: object;
}

type Callback = (answer?: object) => void;

/**
 * Writes the messages of one room as lines, and acknowledges each once its line is written. What the user gets from other
 * rooms is left unanswered.
 */
export class RoomListener {
  readonly #socket: Holdfast["socket"];
  readonly #writer: LineWriter;
  readonly #options: ListenerOptions;
  readonly #progress: Progress;
  readonly #ended: Promise<void>;
  #end: (error?: Error) => void = () => undefined;
  #taken = 0;
  #writing = 0;
  #stopped = false;
  #joined = false;

  constructor({ socket }: Holdfast, writer: LineWriter, options: ListenerOptions, progress: Progress) {
    this.#socket = socket;
    this.#writer = writer;
    this.#options = options;
    this.#progress = progress;
    this.#ended = new Promise((resolve, reject) => {
      this.#end = (error) => (error === undefined ? resolve() : reject(error));
    });
    socket.onAny((event: string, ...args: unknown[]) => this.#onEvent(event, args));
    socket.on("connect", () => void this.#join());
    if (socket.connected) void this.#join();
  }

  /** Resolves once it was stopped or has its `count`, and all it wrote is acknowledged; fails when the server says no. */
  run(): Promise<void> {
    return this.#ended;
  }

  /** Takes nothing more. */
  stop(): void {
    this.#stopped = true;
    if (this.#writing === 0) this.#end();
  }

  /** On every connection: a server that forgot all when it ended has to be told again. */
  async #join(): Promise<void> {
    const { room, from } = this.#options;
    const connection = this.#socket.id;
    try {
      const reply: unknown = await this.#socket.timeout(JOIN_TIMEOUT_MS).emitWithAck("holdfast:join", { room, from, meta: true });
      const { ok, sequence = 0, error } = reply as { ok: boolean; sequence?: number; error?: unknown };
      if (ok && !this.#joined) process.stderr.write(`joined ${room} from ${sequence}\n`);
      this.#joined ||= ok;
      if (ok) return;
      const refusal = HoldfastError.from(error);
      if (!refusal.retryable) this.#end(refusal);
      else this.#joinLater(connection, `${refusal.code} ${refusal.message}`);
    } catch {
      // Where the connection was lost the next one joins.
      this.#joinLater(connection, `no answer in ${JOIN_TIMEOUT_MS} ms`);
    }
  }

  /** The server has no time or no store just now: it is asked again on this connection, which may last. */
  #joinLater(connection: string | undefined, why: string): void {
    if (this.#socket.id !== connection || connection === undefined || this.#stopped) return;
    process.stderr.write(`holdfast: not joined yet: ${oneLine(why)}; trying again\n`);
    setTimeout(() => {
      if (this.#socket.id === connection && !this.#stopped) void this.#join();
    }, JOIN_AGAIN_MS);
  }

  #onEvent(event: string, args: unknown[]): void {
    if (event === "holdfast:replaced") {
      this.#end(new CommandError(EXIT.failure, `another connection is this device by now: ${JSON.stringify(args[0])}`));
    } else if (event === "holdfast:gap") {
      this.#onGap(args[0] as Gap, args[1] as Callback);
    } else if (!event.startsWith("holdfast:") && typeof args.at(-1) === "function") {
      const [meta, callback] = args.splice(-2) as [Meta, Callback];
      if (meta.room === this.#options.room && !this.#stopped) void this.#take(event, args, meta, callback);
    }
  }

  #onGap({ room, from, to, reason, count }: Gap, callback: Callback): void {
    if (room !== this.#options.room) return;
    const which = `${count === undefined ? "" : `${count} of the `}messages ${from} to ${to} of ${room}`;
    process.stderr.write(`holdfast: ${oneLine(`${which} will not come: ${reason}`)}\n`);
    callback();
  }

  async #take(event: string, args: readonly unknown[], meta: Meta, callback: Callback): Promise<void> {
    if (++this.#taken === this.#options.count) this.#stopped = true;
    this.#writing++;
    try {
      await this.#writer.write(jsonOf(this.#options.meta ? { event, args, ...meta } : { event, args }));
      this.#progress.add(1);
      callback();
    } catch {
      // The output is broken: whoever watches it stops this.
    }
    this.#writing--;
    if (this.#stopped && this.#writing === 0) this.#end();
  }
}
