import type { Connection, Party, Reply } from "./connection.js";
import { HoldfastError } from "./errors.js";

/** Requests that may wait for a connection; more are refused. */
const REQUESTS_MAX = 1_000;

interface Request {
  send(): void;
  fail(error: Pick<Error, "message">): void;
}

/** Plain events with a reply, sent again after a reconnect; only for those that may be carried out twice. */
export class Requests implements Party {
  readonly #connection: Connection;
  readonly #open = new Set<Request>();

  constructor(connection: Connection) {
    this.#connection = connection;
    connection.join(this);
  }

  /**
   * @param payload what it holds of the application's was looked at (`asJson`): what cannot be written fails everything that is
   *   sent with it
   * @param mayResend asked before it is sent again, since it may have been carried out: false gives it up as `UNKNOWN`
   */
  send(event: string, payload: object, mayResend?: () => boolean): Promise<Reply> {
    const connection = this.#connection;
    return new Promise((resolve, reject) => {
      if (connection.refusal) throw connection.refusal;
      if (this.#open.size >= REQUESTS_MAX) throw new HoldfastError("OUTBOX_FULL", `${REQUESTS_MAX} requests are open`);
      let sent = false;
      const request: Request = {
        send: () => {
          if (sent && mayResend?.() === false) {
            request.fail({ message: "connection lost" });
            return;
          }
          sent = true;
          connection.request(event, payload, (error, { ok, ...reply }) => {
            this.#open.delete(request);
            if (error) reject(error);
            else resolve(reply);
          });
        },
        fail: (error) => {
          this.#open.delete(request);
          reject(sent ? new HoldfastError("UNKNOWN", `no reply to ${event}: ${error.message}`) : error);
        },
      };
      this.#open.add(request);
      if (connection.ready) request.send();
    });
  }

  /** Every request has its reply. */
  get idle(): boolean {
    return this.#open.size === 0;
  }

  onReady(): void {
    for (const request of this.#open) request.send();
  }

  onRefused(error: HoldfastError): void {
    for (const request of this.#open) request.fail(error);
  }
}
