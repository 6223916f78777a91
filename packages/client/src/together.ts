import { checkName } from "./check.js";
import type { Holdfast } from "./client.js";
import type { HoldfastError } from "./errors.js";
import { checkArray, type Message, Pending, type Receipt, type WaitOptions } from "./message.js";
import { snapshot } from "./packed.js";
import { randomName } from "./random.js";
import { RESENDS_MS } from "./resends.js";

/** A message and the queue it is for. */
export interface AddressedMessage<Body = unknown> extends Message<Body> {
  readonly queue: string;
}

const ignore = (): void => {};

/**
 * Stores messages in several queues, all or none: up to 1,000 of up to 1 MiB in all. In each queue they keep their place
 * among the other publishes of this client, which therefore wait for each other here; prefer `queue().publish` where
 * all-or-none is not needed. It is an entry of its own, so that an application that does not need it does not load it.
 *
 * @returns resolves to the receipts in the same order; errors as for `Queue.publish`
 *
 * @example
 * import { publishTogether } from "holdfast-client/together";
 * await publishTogether(holdfast, [{ queue: "orders", body: order }, { queue: "invoices", body: invoice }]);
 */
export function publishTogether(holdfast: Holdfast, messages: readonly AddressedMessage[], wait?: WaitOptions): Promise<Receipt[]> {
  const { outbox, requests, connection } = holdfast.host;
  return new Promise((resolve, reject) => {
    if (messages.length === 0) return resolve([]);
    const entries = messages.map(({ queue, body, ...options }) => {
      checkName("queue", queue);
      return new Pending(body, options, ignore, ignore);
    });
    // A gate stands for them in the lane of each queue, where nothing passes it, and opens once it is the first of all of them.
    const gate = new Pending(null, undefined, ignore, reject);
    gate.bytes = checkArray(entries);
    gate.messages = entries.length;
    gate.array = 1;
    // The ids stay the same when it is sent again.
    const idPrefix = randomName(3);
    const stamped = messages.map((message, index) => ({
      ...message,
      body: snapshot(message.body, entries[index]?.body),
      id: message.id ?? `${idPrefix}-${index}`,
    }));
    /** Those where its turn has not come. */
    const queues = new Set(messages.map(({ queue }) => queue));
    const lanes = Array.from(queues, (queue) => outbox.lane(queue));
    let attempt = 0;
    let doubtful = false;
    /** Until then it is recognised where it was stored and the answer was lost. */
    let until = 0;
    const mayResend = (): boolean => {
      doubtful = true;
      return Date.now() < until;
    };
    const settle = (): void => {
      outbox.finish(gate);
      for (const lane of lanes) lane.remove(gate);
    };
    const send = (): void => {
      if (gate.done) return;
      gate.number = 1;
      if (!doubtful) until = Date.now() + RESENDS_MS;
      requests
        .send(
          "holdfast:publish",
          { messages: stamped.map((message, index) => ({ ...message, ...entries[index]?.timing, notBefore: undefined })) },
          mayResend,
        )
        .then(
          (reply) => {
            settle();
            resolve(reply.receipts as Receipt[]);
          },
          (error: HoldfastError) => {
            if (error.code === "UNKNOWN") doubtful = true;
            if (error.retryable && (!doubtful || Date.now() < until)) {
              connection.pause(attempt++, send);
              return;
            }
            settle();
            reject(doubtful ? gate.failure(error.code, error.message) : error);
          },
        );
    };
    gate.onTurn = (queue) => {
      if (queues.delete(queue) && queues.size === 0) send();
    };
    outbox.admit(gate, gate.messages, gate.bytes, lanes, wait);
    for (const lane of lanes) outbox.add(lane, gate);
  });
}
