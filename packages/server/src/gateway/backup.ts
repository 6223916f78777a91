import { z } from "zod";
import type { Broker } from "../broker.js";
import { validate } from "../validate.js";

const id = z.string().min(1).max(128);

const readRequest = z.strictObject({ backup: id, from: z.int().min(0) });
const cancelRequest = z.strictObject({ backup: id, cancel: z.literal(true) });
const beginRequest = z.strictObject({});

/** Begins a copy of everything, gives the next bytes of one, or ends it. It is whoever runs the server who asks. */
export async function backup(broker: Broker, payload: object): Promise<object> {
  broker.assertOpen();
  if ("cancel" in payload) {
    await broker.backups.cancel(validate(cancelRequest, payload, "backup").backup);
    return {};
  }
  if ("backup" in payload || "from" in payload) {
    const { backup: of, from } = validate(readRequest, payload, "backup");
    const { bytes, done } = await broker.backups.read(of, from);
    return { bytes, done };
  }
  validate(beginRequest, payload, "backup");
  return { backup: await broker.backups.open() };
}
