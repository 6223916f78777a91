import { z } from "zod";
import type { Broker } from "../broker.js";
import type { QueueAddress } from "../engine.js";
import { queueName } from "../options.js";
import { deadLetterQueueOf, redriveIds } from "../upkeep.js";
import { validate } from "../validate.js";

const upkeepRequest = z.strictObject({ queue: queueName, dead: z.literal(true).optional() });
const redriveRequest = z.strictObject({ queue: queueName, ids: redriveIds.optional() });

/** Removes the messages of a queue, or its dead letters. */
export async function purge(broker: Broker, namespace: string, payload: object): Promise<object> {
  const { queue, dead } = validate(upkeepRequest, payload, "purge");
  const address = { namespace, queue };
  return { count: dead === true ? await broker.purgeDeadLetters(address) : await broker.purge(address) };
}

export async function pause(broker: Broker, namespace: string, payload: object): Promise<object> {
  await broker.pause(await concerned(broker, namespace, payload, "pause"));
  return {};
}

export async function resume(broker: Broker, namespace: string, payload: object): Promise<object> {
  await broker.resume(await concerned(broker, namespace, payload, "resume"));
  return {};
}

export async function redrive(broker: Broker, namespace: string, payload: object): Promise<object> {
  const { queue, ids } = validate(redriveRequest, payload, "redrive");
  return { count: await broker.redrive({ namespace, queue }, ids) };
}

/** The queue, or with `dead` its dead-letter queue. */
async function concerned(broker: Broker, namespace: string, payload: object, operation: string): Promise<QueueAddress> {
  const { queue, dead } = validate(upkeepRequest, payload, operation);
  const address = { namespace, queue };
  return dead === true ? deadLetterQueueOf(broker, address) : address;
}
