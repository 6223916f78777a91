import { z } from "zod";
import type { Broker } from "../broker.js";
import { queueName } from "../options.js";
import { readSchedule, scheduledOptions, scheduleName, scheduleTimes, setSchedule } from "../schedule.js";
import { validate } from "../validate.js";
import { fillPage } from "./page.js";

const scheduleRequest = scheduleTimes.extend({
  queue: queueName,
  name: scheduleName,
  message: scheduledOptions.extend({ body: z.unknown() }),
});
const removeRequest = z.strictObject({ queue: queueName, name: scheduleName, remove: z.literal(true) });

/** Creates, replaces or removes a schedule. */
export async function schedule(broker: Broker, namespace: string, payload: object, bodyBytesMax: number): Promise<object> {
  if ("remove" in payload) {
    const { queue, name } = validate(removeRequest, payload, "schedule");
    await broker.unschedule({ namespace, queue }, name);
    return {};
  }
  const { queue, name, message, ...times } = validate(scheduleRequest, payload, "schedule");
  return setSchedule(broker, { namespace, queue }, name, times, message, bodyBytesMax);
}

/** The schedules of a queue, a page of them. */
export async function listSchedules(
  broker: Broker,
  namespace: string,
  { queue, after, limit }: { readonly queue: string; readonly after?: string | undefined; readonly limit: number },
): Promise<object> {
  return fillPage(
    after,
    limit,
    (from, count) => broker.schedules({ namespace, queue }, from, count),
    (found) => {
      const { entry, buffers } = readSchedule(found);
      return { item: entry, cursor: found.name, bytes: found.record.length, buffers };
    },
  );
}
