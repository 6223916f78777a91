import { packBody } from "./body.js";
import { checkWhole } from "./check.js";
import type { LeasedDelivery } from "./delivery.js";
import type { HoldfastError } from "./errors.js";
import type { Host } from "./host.js";
import { sizeOf, snapshot } from "./packed.js";

/**
 * Publishes what a handler returned for a request: by an event of its own, since each requester has its own queue and a
 * lane for each would be kept for ever. What cannot be stored is a fault of the handler.
 */
export async function publishAnswer(
  { connection, requests }: Host,
  { replyTo, correlationId }: Pick<LeasedDelivery, "replyTo" | "correlationId">,
  answer: unknown = null,
): Promise<void> {
  const packed = packBody(answer);
  checkWhole("length of the answer", sizeOf(packed), 0, connection.recordBytesMax);
  const body = snapshot(answer, packed);
  // Nobody waits for it any more when the queue is gone.
  await requests.send("holdfast:publish", { queue: replyTo, body, correlationId }).catch((error: HoldfastError) => {
    if (error.code !== "NOT_FOUND") throw error;
  });
}
