import { HoldfastError } from "holdfast-client/protocol";
import { z } from "zod";
import { RULES } from "../auth/operations.js";
import type { Broker } from "../broker.js";
import { EXCEPT_MAX, emitOne, emitOptions, givenHeaders, roomEvent, senderIn, senderOf, TARGETS_MAX } from "../emit.js";
import type { Page } from "../engine.js";
import { readShared } from "../read-message.js";
import type { RoomAddress, RoomLedger, RoomRecord, RoomTarget } from "../room-engine.js";
import { deviceName, targetName, userObject } from "../room-names.js";
import { roomName } from "../room-options.js";
import { validate } from "../validate.js";
import type { Connection } from "./connection.js";
import type { Device } from "./device.js";
import { whyNobody } from "./identity.js";
import { fillPage, type Shown } from "./page.js";
import { listRequest } from "./schemas.js";
import { Watches } from "./watches.js";

const PAGE_MAX = 1_000;
const PAGE_DEFAULT = 100;
const SEQUENCE_MAX = 0xffff_ffff_ffff;
/** Pages that one look into the past goes through, for a member who is not to see much of it. */
const HISTORY_READS_MAX = 128;

const sequence = z.int().min(0).max(SEQUENCE_MAX);
const limit = z.int().min(1).max(PAGE_MAX);

const roomRequest = z.strictObject({ room: roomName });
const joinRequest = roomRequest.extend({
  device: deviceName.optional(),
  from: z.union([z.enum(["new", "earliest"]), sequence], { error: '"new", "earliest" or a sequence' }).default("new"),
  meta: z.boolean().optional(),
});
const emitRequest = emitOptions.extend({
  room: roomName.optional(),
  rooms: z.array(targetName).min(1).max(TARGETS_MAX).optional(),
  user: userObject.shape.user.optional(),
  except: z.array(targetName).max(EXCEPT_MAX).default([]),
  event: roomEvent,
  args: z.array(z.unknown()).default([]),
});
const receiptsRequest = z.strictObject({
  room: roomName.optional(),
  user: userObject.shape.user.optional(),
  id: emitOptions.shape.id.unwrap(),
  after: sequence.default(0),
  limit: limit.default(PAGE_MAX),
});
const historyRequest = roomRequest.extend({ before: sequence.default(SEQUENCE_MAX), limit: limit.default(PAGE_DEFAULT) });
const presenceRequest = roomRequest.extend({
  after: sequence.default(0),
  limit: limit.default(PAGE_DEFAULT),
  watch: z.boolean().optional(),
});
const watchRequest = receiptsRequest.pick({ room: true, user: true }).extend({ watch: z.boolean(), from: sequence.optional() });

/** The device of a connection; `UNAUTHENTICATED` when it belongs to nobody in particular. */
export function deviceOf(connection: Connection): Device {
  const device = connection.findDevice();
  if (device === undefined) throw unidentified(connection);
  return device;
}

export const unidentified = ({ socket, identify }: Connection): HoldfastError =>
  new HoldfastError("UNAUTHENTICATED", `rooms are for users, and this connection belongs to none: ${whyNobody(socket, identify)}`);

const addressOf = ({ namespace }: Connection, room: string): RoomAddress => ({ namespace, room });

export async function join(_broker: Broker, connection: Connection, payload: object): Promise<object> {
  const device = deviceOf(connection);
  const { room, device: name, from, meta } = validate(joinRequest, payload, "join");
  return { sequence: await device.join(room, name, from, meta) };
}

export async function leave(broker: Broker, connection: Connection, payload: object): Promise<object> {
  const device = deviceOf(connection);
  const { room } = validate(roomRequest, payload, "leave");
  await device.inTurn(() => broker.rooms.removeMember(addressOf(connection, room), { user: device.user }));
  device.forget(room);
  return {};
}

export async function emit(broker: Broker, connection: Connection, payload: object, bodyBytesMax: number): Promise<object> {
  const device = deviceOf(connection);
  const { room, rooms, user, ...emission } = validate(emitRequest, payload, "emit");
  const ways = [room, rooms, user].filter((way) => way !== undefined).length;
  if (ways !== 1) throw new HoldfastError("BAD_REQUEST", `emit has ${ways} of room, rooms, user, expected 1`);
  const to = rooms ?? [user === undefined ? (room ?? "") : { user }];
  return { receipts: await emitOne(broker.rooms, connection.namespace, { ...emission, to, sender: device.user }, bodyBytesMax, device) };
}

/** What became of a message, for who emitted it. */
export async function receipts(broker: Broker, connection: Connection, payload: object): Promise<object> {
  const device = deviceOf(connection);
  if ("watch" in payload) return device.inTurn(() => broker.rooms.inTurn(() => watchReceipts(broker, connection, payload)));
  const request = validate(receiptsRequest, payload, "receipts");
  const { record, ...reply } = await device.inTurn(() => ledgerOf(broker, connection.namespace, request));
  if (senderOf(record) !== device.user && !mayAdminister(connection, request.room))
    throw new HoldfastError("FORBIDDEN", `message ${request.id} was not emitted by ${device.user}`);
  return reply;
}

/** The same for an administrator, whoever emitted it. */
export async function receiptsOfOthers(broker: Broker, namespace: string, payload: object): Promise<object> {
  const { record: _, ...reply } = await ledgerOf(broker, namespace, validate(receiptsRequest, payload, "receipts"));
  return reply;
}

/** What a reply says of a message, with its record. */
async function ledgerOf(
  broker: Broker,
  namespace: string,
  request: z.output<typeof receiptsRequest>,
): Promise<Omit<RoomLedger, "sequence"> & { readonly record: Uint8Array }> {
  const { id, after, limit } = request;
  const { record, sequence: _, ...reply } = await broker.rooms.ledger(namespace, targetOf(request), id, after, limit);
  if (record === undefined) throw new HoldfastError("NOT_FOUND", `message ${id} is not kept any more`);
  return { ...reply, record };
}

/** Whoever asks nobody who he is has no administrators. */
const mayAdminister = ({ access }: Connection, room: string | undefined): boolean =>
  access.identity !== undefined && room !== undefined && access.allows(RULES.receiptsOfOthers, { kind: "room", name: room });

/** What becomes of messages, told as it changes, to who emits them. */
async function watchReceipts(broker: Broker, connection: Connection, payload: object): Promise<object> {
  const { watch, from, ...to } = validate(watchRequest, payload, "receipts");
  const target = targetOf(to);
  const watches = watchesOf(broker, connection);
  if (watch) return watches.watchReceipts(target, from);
  watches.unwatchReceipts(target);
  return {};
}

function watchesOf(broker: Broker, connection: Connection): Watches {
  const { user } = deviceOf(connection);
  if (connection.isClosed) throw new HoldfastError("UNKNOWN", "the connection is gone");
  connection.watches ??= new Watches(connection, broker.rooms, user);
  return connection.watches;
}

function targetOf({ room, user }: Pick<z.output<typeof receiptsRequest>, "room" | "user">): RoomTarget {
  if (room !== undefined && user === undefined) return { room };
  if (room === undefined && user !== undefined) return { user };
  throw new HoldfastError("BAD_REQUEST", "receipts has both or none of room and user, expected 1");
}

/** What was emitted before, for a member: it settles nothing, and moves no cursor. */
export async function history(broker: Broker, connection: Connection, payload: object): Promise<object> {
  const device = deviceOf(connection);
  const { user } = device;
  const { room, before, limit } = validate(historyRequest, payload, "history");
  const address = addressOf(connection, room);
  const read = (from: number, count: number): Promise<Page<RoomRecord, number>> => broker.rooms.history(address, user, from, count);
  return device.inTurn(() => fillPage(before, limit, read, shownInHistory, HISTORY_READS_MAX));
}

function shownInHistory({ record, sequence, publishedAt }: RoomRecord): Shown<object, number> {
  const { content, buffers } = readShared(record);
  const { id, event, key, headers, body, invalid } = content;
  const sender = senderIn(headers);
  const given = givenHeaders(headers);
  const item = {
    id,
    sequence,
    event,
    args: invalid === undefined ? body : [],
    publishedAt,
    ...(sender === undefined ? undefined : { sender }),
    ...(key === undefined ? undefined : { key }),
    ...(given === undefined ? undefined : { headers: given }),
    ...(invalid === undefined ? undefined : { invalid }),
  };
  return { item, cursor: sequence, bytes: record.length, buffers };
}

/** Members that are connected now, with their devices; with `watch` told from now on when that changes. */
export async function presence(broker: Broker, connection: Connection, payload: object): Promise<object> {
  const device = deviceOf(connection);
  const { room, after, limit, watch } = validate(presenceRequest, payload, "presence");
  const page = async (): Promise<object> => {
    if (watch === true) watchesOf(broker, connection).watchPresence(room);
    else if (watch === false) connection.watches?.unwatchPresence(room);
    return broker.rooms.presencePage(addressOf(connection, room), after, limit);
  };
  return device.inTurn(() => broker.rooms.inTurn(page));
}

/** Names of the rooms that the user is in, a page of them. */
export async function listMemberships(broker: Broker, connection: Connection, payload: object): Promise<object> {
  const device = deviceOf(connection);
  const { after, limit } = validate(listRequest, payload, "list");
  return device.inTurn(() => broker.rooms.listOf(connection.namespace, device.user, after, limit));
}
