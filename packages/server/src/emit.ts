import { HoldfastError, type ReceiptRun, RecordView } from "holdfast-client/protocol";
import { z } from "zod";
import { type MessageOptions, messageOptions, packMessages } from "./message.js";
import type { Receipt } from "./publish.js";
import type { RoomTarget } from "./room-engine.js";
import type { TargetName } from "./room-names.js";
import type { Rooms, Turns } from "./rooms.js";
import { preview } from "./validate.js";

/** Rooms and users that one emit may name. */
export const TARGETS_MAX = 100;
export const EXCEPT_MAX = 1_000;

/** Names that Socket.IO keeps for itself: it throws when one is emitted. */
const RESERVED_EVENTS: ReadonlySet<string> = new Set([
  "connect",
  "connect_error",
  "disconnect",
  "disconnecting",
  "newListener",
  "removeListener",
]);

/** Headers that begin so are written by the server. */
const RESERVED_HEADERS = "holdfast:";
const SENDER_HEADER = "holdfast:sender";

/** What may come with an emit. */
export const emitOptions = messageOptions.pick({ id: true, key: true, headers: true, ttlMs: true });

/** What whoever emits may say beside the event and its arguments. */
export type EmitOptions = Pick<MessageOptions, "id" | "key" | "headers" | "ttlMs">;

/** An event for rooms and users, checked but for what is said of its parts here. */
export interface Emission extends EmitOptions {
  /** At least one; one that is there twice counts once. */
  readonly to: readonly TargetName[];
  readonly except: readonly TargetName[];
  readonly event: string;
  readonly args: readonly unknown[];
  /** Who emits; undefined for the server itself. */
  readonly sender?: string | undefined;
}

/** An event's name as a room takes it: not empty, and none that Socket.IO or Holdfast keeps for itself. */
export const roomEvent = z
  .string()
  .pipe(messageOptions.shape.event.unwrap())
  .refine((event) => !RESERVED_EVENTS.has(event) && !event.startsWith("holdfast:"), {
    error: ({ input }) => `event is ${preview(input)}, expected none that Socket.IO or Holdfast keeps for itself`,
  });

/**
 * Stores one event in rooms and inboxes, in one commit. Resolves to a receipt for each of `to`, in its order.
 *
 * @param turns as of `Rooms.emit`
 */
export async function emitOne(
  rooms: Rooms,
  namespace: string,
  emission: Emission,
  bodyBytesMax: number,
  turns?: Turns,
): Promise<Receipt[]> {
  const { id, key, event, args, headers, ttlMs, sender } = emission;
  const lost = args.findIndex((arg) => typeof arg === "function");
  // JSON would make null of it, without a word.
  if (lost >= 0) throw new HoldfastError("BAD_REQUEST", `args.${lost} is a function, expected JSON or bytes`);
  const ids: string[] = [];
  const message = { id, key, event, ttlMs, headers: headersWith(headers, sender), body: args };
  const records = packMessages([message], ids, bodyBytesMax);
  const to = targetsOf(emission.to);
  const fates = await rooms.emit({ namespace, to, except: targetsOf(emission.except), count: 1, records }, turns);
  return to.map((_, index) => receiptOf(fates[index]?.[0], ids[0] ?? ""));
}

function receiptOf(run: ReceiptRun | undefined, id: string): Receipt {
  if (run === undefined) throw new HoldfastError("UNKNOWN", "the engine gave no receipt");
  if (run.error !== undefined) throw HoldfastError.from(run.error);
  return { id, sequence: run.sequence, duplicate: run.duplicate };
}

/** Each of them once, in the order of the first. */
export function targetsOf(names: readonly TargetName[]): RoomTarget[] {
  const rooms = new Set<string>();
  const users = new Set<string>();
  const targets: RoomTarget[] = [];
  for (const name of names) {
    const [seen, value] = typeof name === "string" ? [rooms, name] : [users, name.user];
    if (seen.has(value)) continue;
    seen.add(value);
    targets.push(typeof name === "string" ? { room: name } : { user: name.user });
  }
  return targets;
}

/** The headers of an emit with who sent it; `BAD_REQUEST` when they have what only the server writes. */
export function headersWith(headers: EmitOptions["headers"], sender: string | undefined): EmitOptions["headers"] {
  const reserved = Object.keys(headers ?? {}).find((name) => name.startsWith(RESERVED_HEADERS));
  if (reserved !== undefined) {
    throw new HoldfastError("BAD_REQUEST", `headers has ${preview(reserved)}, expected none that begins with ${RESERVED_HEADERS}`);
  }
  return sender === undefined ? headers : { ...headers, [SENDER_HEADER]: sender };
}

/** Who emitted a message; undefined when the server itself did. */
export const senderOf = (record: Uint8Array): string | undefined => senderIn(new RecordView(record, 0, record.length).headers);

/** The same by the message's headers. */
export const senderIn = (headers: EmitOptions["headers"]): string | undefined => headers?.[SENDER_HEADER];

/** The headers that were given with an emit; undefined when there were none. */
export function givenHeaders(headers: EmitOptions["headers"]): EmitOptions["headers"] {
  const given = Object.entries(headers ?? {}).filter(([name]) => !name.startsWith(RESERVED_HEADERS));
  return given.length === 0 ? undefined : Object.fromEntries(given);
}
