import type { PackedBody } from "../body.js";
import { FORMAT_BINARY, readMixed } from "../body.js";
import { Pending, type Receipt } from "../message.js";
import { ROOM_MARK } from "../names.js";
import type { Outbox } from "../outbox.js";
import { TRAIT_CHOSEN_ID } from "../record.js";
import { packTiming } from "../timing.js";
import type { KeptMessage, KeptQueue, MessageKey } from "./database.js";
import type { OutboxKeeper } from "./keeper.js";

/** A message that is kept since its fate is unknown: published to a queue, or emitted to a room. */
export type WaitingMessage = {
  readonly id: string;
  readonly event: string | undefined;
  readonly key: string | undefined;
  /** Of an emit: its arguments, an array. */
  readonly body: unknown;
} & ({ readonly queue: string; readonly room: undefined } | { readonly queue: undefined; readonly room: string });

/** A message that an earlier page published or emitted, and that was found unconfirmed. */
export type RestoredMessage = WaitingMessage & {
  /** In the place of the promise that `publish` or `emit` gave to the earlier page. It need not be looked at. */
  readonly receipt: Promise<Receipt>;
};

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
      restored.push({ ...describe(key, message), receipt });
    }
    keeper.resume(queue, next, kept);
    const lane = outbox.lane(queue);
    lane.resume(oldest, next);
    for (const entry of open) lane.open(entry);
  }
  return restored;
}

/** What an application is told of a message in the database. */
export function describe([producer, queue, number]: MessageKey, { id, traits, texts, body }: KeptMessage): WaitingMessage {
  const [event, key] = texts;
  const ownId = `${producer}-${number.toString(36)}`;
  const said = { id: (traits & TRAIT_CHOSEN_ID) === 0 ? ownId : id, event, key, body: unpack(body) };
  return queue[0] === ROOM_MARK ? { ...said, queue: undefined, room: queue.slice(1) } : { ...said, queue, room: undefined };
}

function unpack(body: PackedBody): unknown {
  if (typeof body === "string") return JSON.parse(body);
  return body.format === FORMAT_BINARY ? body.bytes : readMixed(body.bytes, 0, body.bytes.length);
}
