import { HoldfastError } from "holdfast-client/protocol";
import type { Broker } from "../broker.js";
import type { Settings } from "../settings.js";
import { AdminRequests } from "./admin-requests.js";
import type { Answer } from "./answer.js";
import { auditEntry } from "./audit.js";
import type { Connection } from "./connection.js";
import { unitsOf } from "./costs.js";
import type { Operation } from "./events.js";
import type { Guard } from "./guard.js";
import { assertPayloadSize } from "./payload-size.js";
import { Requests } from "./requests.js";

/** Requests of clients and of administrators, within what each may ask for, and with what the audit log has of them. */
export class CheckedRequests {
  readonly #settings: Settings;
  readonly #guard: Guard | undefined;
  readonly #requests: Requests;
  readonly #adminRequests: AdminRequests | undefined;

  constructor(broker: Broker, settings: Settings, guard: Guard | undefined) {
    this.#settings = settings;
    this.#guard = guard;
    this.#requests = new Requests(broker, settings);
    this.#adminRequests = guard === undefined ? undefined : new AdminRequests(broker, settings, guard);
  }

  /**
   * Carries out a request; fails with a `HoldfastError` that becomes the reply.
   *
   * @param bytes of its payload, at least
   */
  async answer(connection: Connection, operation: Operation, args: readonly unknown[], bytes: number): Promise<Answer> {
    const { requestsMax, bodyBytesMax } = this.#settings.limits;
    const [payload] = args;
    const units = unitsOf(operation, payload, bytes);
    if (operation === "holdfast:settle") connection.allowance.spendToSettle(units);
    else connection.allowance.spend(units);
    assertPayloadSize(operation, payload, bytes, bodyBytesMax);
    if (connection.openRequests >= requestsMax)
      throw new HoldfastError("RATE_LIMITED", `${connection.openRequests} requests wait for their reply, at most ${requestsMax} may`);
    connection.openRequests++;
    try {
      return await this.#audited(connection, operation, args);
    } finally {
      connection.openRequests--;
    }
  }

  /** Whatever becomes of it, the audit log has it before the reply, if it goes there. */
  async #audited(connection: Connection, operation: Operation, args: readonly unknown[]): Promise<Answer> {
    let outcome = "ok";
    try {
      return await this.#carryOut(connection, operation, args);
    } catch (error) {
      outcome = error instanceof HoldfastError ? error.code : "UNKNOWN";
      throw error;
    } finally {
      const entry = auditEntry(connection, operation.slice("holdfast:".length), args[0], outcome);
      if (entry !== undefined) await this.#guard?.auth.audit.record(entry);
    }
  }

  async #carryOut(connection: Connection, operation: Operation, args: readonly unknown[]): Promise<Answer> {
    const { session } = connection;
    const isOwn = operation === "holdfast:hello" || operation === "holdfast:authenticate";
    if (session?.isAdmin !== true || isOwn || this.#adminRequests === undefined) return this.#requests.answer(connection, operation, args);
    return { reply: await this.#adminRequests.answer(session, operation, args) };
  }
}
