import type { PackedBody } from "../body.js";
import { FORMAT_BINARY, readMixed } from "../body.js";
import { Pending, type Receipt } from "../message.js";
import type { Outbox } from "../outbox.js";
import { TRAIT_CHOSEN_ID } from "../record.js";
import { packTiming } from "../timing.js";
import type { KeptMessage, KeptQueue, MessageKey } from "./database.js";
import type { OutboxKeeper } from "./keeper.js";

/** A message that an earlier page published, and that was found unconfirmed. */
export interface RestoredMessage {
  readonly queue: string;
  readonly id: string;
  readonly event: string | undefined;
  readonly key: string | undefined;
  readonly body: unknown;
  /** In the place of the promise that `publish` gave to the earlier page. It need not be looked at. */
  readonly receipt: Promise<Receipt>;
}

const ignore = (): void => {};

/** Stands where a message was whose fate is known, so that numbers stay consecutive. */
function hole(): Pending {
  const entry = new Pending(null, undefined, ignore, ignore);
  entry.done = true;
  return entry;
}

/** Puts what a producer left into the lanes of `outbox`, under its old numbers; returns it in order. */
export function restore(outbox: Outbox, keeper: OutboxKeeper, queues: readonly KeptQueue[]): RestoredMessage[] {
  const restored: RestoredMessage[] = [];
  for (const { queue, next, rows } of queues) {
    const oldest = rows[0]?.key[2] ?? next;
    const open = Array.from({ length: next - oldest }, hole);
    const kept: [Pending, MessageKey][] = [];
    for (const { key, message } of rows) {
      const receipt = new Promise<Receipt>((resolve, reject) => {
        const entry = Object.assign(new Pending(null, undefined, resolve, reject), message, {
          timing: message.timing && packTiming(message.timing),
        });
        open[key[2] - oldest] = entry;
        kept.push([entry, key]);
        outbox.count(1, entry.bytes);
      });
      receipt.catch(ignore);
      restored.push({ ...describe(message, `${outbox.producer}-${key[2].toString(36)}`), queue, receipt });
    }
    keeper.resume(queue, next, kept);
    const lane = outbox.lane(queue);
    lane.resume(oldest, next);
    for (const entry of open) lane.open(entry);
  }
  return restored;
}

function describe({ id, traits, texts, body }: KeptMessage, ownId: string): Omit<RestoredMessage, "queue" | "receipt"> {
  const [event, key] = texts;
  return { id: (traits & TRAIT_CHOSEN_ID) === 0 ? ownId : id, event, key, body: unpack(body) };
}

function unpack(body: PackedBody): unknown {
  if (typeof body === "string") return JSON.parse(body);
  return body.format === FORMAT_BINARY ? body.bytes : readMixed(body.bytes, 0, body.bytes.length);
}
