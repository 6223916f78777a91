import { type ErrorCode, HoldfastError } from "holdfast-client/protocol";
import type { Socket } from "socket.io";
import { errorReply } from "../error-reply.js";
import { Refusals } from "../limits/refusals.js";
import type { Settings } from "../settings.js";
import type { Connection } from "./connection.js";
import { REFUSED_EVENT } from "./events.js";
import { cut } from "./socket-port.js";
import { sourceOf } from "./socket-source.js";

/** Why something of a client was refused: asked too fast, asked badly, did either until it was cut, or does not read its replies. */
const REFUSALS = ["rateLimited", "badRequests", "cut", "unread", "userConnections"] as const;
export type Refusal = (typeof REFUSALS)[number];

/** What a client is told that asked for what it should not: each counts against it. */
const BLAMED: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["BAD_REQUEST", "TOO_LARGE", "FORBIDDEN", "UNAUTHENTICATED"]);

/** What is borne of clients: what they were refused is counted and told, and who goes on regardless is held back, then let go. */
export class Patience {
  readonly #settings: Settings;
  readonly #refusals: Refusals<Refusal>;

  constructor(settings: Settings) {
    const { log, clock } = settings;
    this.#settings = settings;
    this.#refusals = new Refusals(REFUSALS, clock, ({ kind, count, reason }) =>
      log.warn(`refused ${count} x ${kind}, the last: ${reason}`),
    );
  }

  /** How much was refused, by why. */
  get refused(): Readonly<Record<Refusal, number>> {
    return this.#refusals.counts;
  }

  /** A client whose user has as many connections as one may have is let go. */
  turnAway(socket: Socket, why: HoldfastError): void {
    this.#refusals.add("userConnections", why.message);
    socket.emit(REFUSED_EVENT, errorReply(why));
    socket.disconnect(true);
  }

  /** A connection that joins namespaces without end is let go: those that wait would fill the memory, and others wait behind them. */
  endJoining(socket: Socket): void {
    // What it sent before comes here once it is cut, too.
    if (socket.conn.readyState !== "open") return;
    this.#refusals.add("cut", `${this.#settings.addresses.addressOf(sourceOf(socket))} tried to join ${socket.nsp.name} too often`);
    cut(socket);
  }

  /** A client that asks without ever reading the answers is let go, before they fill the memory. */
  mayAsk(connection: Connection): boolean {
    if (!connection.isOverflowing()) return true;
    const { id } = connection.socket;
    this.#refusals.add("unread", `socket ${id} does not read its replies and is disconnected`);
    connection.socket.disconnect(true);
    return false;
  }

  /**
   * Counts what was refused, and cuts who goes on regardless.
   *
   * @param bytes what was read for nothing
   */
  onRefused(connection: Connection, { code, message }: HoldfastError, bytes: number): void {
    const who = `socket ${connection.socket.id}`;
    if (code === "RATE_LIMITED") {
      this.#refusals.add("rateLimited", `${who}: ${message}`);
      if (!connection.allowance.isExhausted) return;
      this.#cut(connection, new HoldfastError("RATE_LIMITED", `${message}; cut, because it went on and on all the same`));
    } else if (BLAMED.has(code)) {
      this.#refusals.add("badRequests", `${who}: ${message}`);
      connection.allowance.waste(bytes);
      this.hold(connection);
      if (connection.allowance.forgives()) return;
      this.#cut(connection, new HoldfastError(code, `${message}; cut, because too many requests before were no better`));
    }
  }

  /** What was read for nothing is made up for by not reading: the client's system holds it back, and others have their turn. */
  hold({ allowance, port }: Connection): void {
    const { holdMs } = allowance;
    if (holdMs === 0) return;
    const { clock } = this.#settings;
    clock.wakeAt(clock.now() + holdMs, port.holdReading());
  }

  #cut(connection: Connection, error: HoldfastError): void {
    if (!connection.socket.connected) return;
    this.#refusals.add("cut", `socket ${connection.socket.id}: ${error.message}`);
    connection.cut(error);
  }
}
