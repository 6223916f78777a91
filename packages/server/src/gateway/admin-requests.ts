import { HoldfastError } from "holdfast-client/protocol";
import { z } from "zod";
import { checkNamespace } from "../address.js";
import { ruleOf } from "../auth/operations.js";
import type { RevocationTarget } from "../auth/revocations.js";
import type { Broker } from "../broker.js";
import { userObject } from "../room-names.js";
import type { Settings } from "../settings.js";
import { isUserName } from "../user-name.js";
import { preview, validate } from "../validate.js";
import { Administration } from "./administration.js";
import { backup } from "./backup.js";
import { isAdminOperation, type Operation } from "./events.js";
import type { Guard } from "./guard.js";
import { receiptsOfOthers } from "./rooms.js";
import { payloadOf } from "./schemas.js";
import type { Session } from "./session.js";

const disconnectRequest = userObject.extend({ namespace: z.string().optional() });
const targetRequest = z.union(
  [z.strictObject({ subject: z.string().refine(isUserName) }), z.strictObject({ tokenId: z.string().min(1).max(256) })],
  { error: "{ subject } or { tokenId }" },
);

/** What is revoked, checked. */
export const readTarget = (given: unknown): RevocationTarget => validate(targetRequest, given, "what to revoke");

/** The requests of administrators, in a namespace of their own: each names the namespace that it is about. */
export class AdminRequests {
  readonly #broker: Broker;
  readonly #guard: Guard;
  readonly #administration: Administration;

  constructor(broker: Broker, settings: Settings, guard: Guard) {
    this.#broker = broker;
    this.#guard = guard;
    this.#administration = new Administration(broker, settings);
  }

  /** Carries out a request; fails with a `HoldfastError` that becomes the reply, `FORBIDDEN` for who has not the role. */
  async answer(session: Session, operation: Operation, args: readonly unknown[]): Promise<object> {
    const payload = payloadOf(args);
    const role = ruleOf(operation.slice("holdfast:".length), payload as Record<string, unknown>)?.admin;
    if (role === undefined)
      throw new HoldfastError("FORBIDDEN", `${operation} is not for administrators: it belongs to who uses a queue or room`);
    session.requireRole(role);
    switch (operation) {
      case "holdfast:disconnect": {
        const { user, namespace } = validate(disconnectRequest, payload, "disconnect");
        return { connections: this.#guard.disconnect(user, namespace) };
      }
      case "holdfast:revoke":
        return this.#guard.revoke(readTarget(payload));
      case "holdfast:restore":
        await this.#guard.restore(readTarget(payload));
        return {};
      case "holdfast:backup":
        return backup(this.#broker, payload);
      default:
        return this.#administer(operation, payload);
    }
  }

  #administer(operation: Operation, payload: object): Promise<object> {
    const { namespace, ...rest } = payload as Readonly<Record<string, unknown>>;
    if (typeof namespace !== "string") {
      throw new HoldfastError(
        "BAD_REQUEST",
        `namespace is ${preview(namespace)}, expected the one whose queues and rooms are meant, such as "/"`,
      );
    }
    if (operation === "holdfast:receipts") return receiptsOfOthers(this.#broker, checkNamespace(namespace), rest);
    if (!isAdminOperation(operation)) throw new HoldfastError("FORBIDDEN", `${operation} is not for administrators`);
    return this.#administration.answer(checkNamespace(namespace), operation, rest);
  }
}
