import { HoldfastError, LIMITS } from "holdfast-client/protocol";
import { z } from "zod";
import { describeQueue } from "./address.js";
import type { Broker } from "./broker.js";
import type { QueueAddress } from "./engine.js";

const IDS_MAX = 1_000;

/** Ids of the dead letters to redrive. */
export const redriveIds = z.array(z.string().min(1).max(LIMITS.idBytesMax)).min(1).max(IDS_MAX);

/**
 * The queue's dead-letter queue, made as the first letter makes it when it is not there yet: without a limit on their number.
 * `NOT_FOUND` when there is no such queue, or it has none.
 */
export async function deadLetterQueueOf(broker: Broker, address: QueueAddress): Promise<QueueAddress> {
  const options = broker.engine.options(address);
  if (options === undefined) throw new HoldfastError("NOT_FOUND", `there is no ${describeQueue(address)}`);
  if (options.deadLetter === false) throw new HoldfastError("NOT_FOUND", `${describeQueue(address)} has no dead-letter queue`);
  const letters = { namespace: address.namespace, queue: options.deadLetter };
  if (broker.engine.options(letters) === undefined) await broker.engine.define(letters, {});
  return letters;
}
