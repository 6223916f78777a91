import { HoldfastError } from "holdfast-client/protocol";
import { z } from "zod";
import { RULES } from "../auth/operations.js";
import type { Broker } from "../broker.js";
import { validate, withoutText } from "../validate.js";
import type { Connection } from "./connection.js";

const authenticateRequest = z.strictObject({ token: z.string() });

/** `holdfast:authenticate`: a fresh token on a live connection, whose permissions hold from then on. */
export async function refresh(broker: Broker, connection: Connection, payload: object): Promise<object> {
  const { session } = connection;
  if (session === undefined) throw new HoldfastError("BAD_REQUEST", "no token is asked for in this namespace");
  const { token } = validate(authenticateRequest, payload, "authenticate", withoutText);
  if (await session.refresh(token)) drop(broker, connection);
  const { expiresAt } = session.identity;
  return expiresAt === undefined ? {} : { expiresAt };
}

/** Ends what is not permitted any more. */
function drop(broker: Broker, connection: Connection): void {
  const { access } = connection;
  connection.queues.clear();
  for (const consumer of [...connection.consumers]) {
    const resource = { kind: "queue", name: consumer.address.queue } as const;
    if (!access.allows(RULES.consume, resource)) void broker.consumers.end(consumer, "forbidden", false);
  }
  connection.watches?.retainPresence((name) => access.allows(RULES.presence, { kind: "room", name }));
}
