import type { Holdfast } from "./client.js";
import type { WaitingMessage } from "./stored/restored.js";

export type { WaitingMessage } from "./stored/restored.js";

/**
 * What a client with `outbox: "indexeddb"` keeps: published or emitted, here or by an earlier page, and not confirmed yet. In
 * the order of the publishes to each queue and of the emits to each room. It is an entry of its own, so that an application
 * that does not need it does not load it.
 *
 * @returns resolves once all that was published before is in the database; empty when the outbox is in memory, or was not opened
 *
 * @example
 * import { waiting } from "holdfast-client/waiting";
 * for (const { room, id, body } of await waiting(holdfast)) if (room === "kitchen") showSending(id, body);
 */
export async function waiting(holdfast: Holdfast): Promise<readonly WaitingMessage[]> {
  return (await (await holdfast.host.stored)?.waiting()) ?? [];
}
