import type { Connection, Party, Reply } from "./connection.js";
import { type ErrorCode, HoldfastError } from "./errors.js";

/** Requests that may wait for a connection; more are refused. */
const REQUESTS_MAX = 1_000;

interface Request {
  readonly event: string;
  readonly payload: object;
  readonly doneIfResent: ErrorCode | undefined;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: HoldfastError) => void;
  sends: number;
}

/** Plain events with a reply, sent again after a reconnect; only for those that may be carried out twice. */
export class Requests implements Party {
  readonly #connection: Connection;
  readonly #open = new Set<Request>();

  constructor(connection: Connection) {
    this.#connection = connection;
    connection.join(this);
  }

  /** For a caller of the client: `SHUTTING_DOWN` once it is closing. */
  async send(event: string, payload: object, doneIfResent?: ErrorCode): Promise<Reply> {
    this.#connection.assertOpen();
    return this.add(event, payload, doneIfResent);
  }

  /** @param doneIfResent an error that only says that an earlier sending was carried out */
  add(event: string, payload: object, doneIfResent?: ErrorCode): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#open.size >= REQUESTS_MAX) {
        throw new HoldfastError("OUTBOX_FULL", `${this.#open.size} requests wait for a reply, at most ${REQUESTS_MAX}`);
      }
      const request: Request = { event, payload, doneIfResent, resolve, reject, sends: 0 };
      this.#open.add(request);
      if (this.#connection.ready) this.#send(request);
    });
  }

  #send(request: Request): void {
    request.sends++;
    this.#connection.request(request.event, request.payload, (error, { ok, ...reply }) => {
      this.#open.delete(request);
      if (error === undefined || (request.sends > 1 && error.code === request.doneIfResent)) request.resolve(reply);
      else request.reject(error);
    });
  }

  /** Every request has its reply. */
  get idle(): boolean {
    return this.#open.size === 0;
  }

  onReady(): void {
    for (const request of this.#open) this.#send(request);
  }

  onLost(): void {}

  onRefused(error: HoldfastError): void {
    for (const request of this.#open) {
      request.reject(request.sends > 0 ? new HoldfastError("UNKNOWN", `no reply to ${request.event}: ${error.message}`) : error);
    }
    this.#open.clear();
  }

  write(): void {}
}
