import { HoldfastError } from "holdfast-client/protocol";
import { z } from "zod";
import type { Broker } from "../broker.js";
import { EXCEPT_MAX, emitOne, emitOptions, roomEvent, senderOf, TARGETS_MAX } from "../emit.js";
import { memberEntry } from "../room.js";
import type { RoomAddress, RoomTarget } from "../room-engine.js";
import { deviceName, memberObject, targetName, userObject } from "../room-names.js";
import { roomName, roomOptions } from "../room-options.js";
import { validate } from "../validate.js";
import type { Connection } from "./connection.js";
import type { Device } from "./device.js";

const PAGE_MAX = 1_000;
const PAGE_DEFAULT = 100;
const SEQUENCE_MAX = 0xffff_ffff_ffff;
/** Pages of members that one look for those who are here goes through. */
const PRESENCE_PAGES_MAX = 10;

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
const memberRequest = roomRequest.extend({ member: memberObject });
const membersRequest = roomRequest.extend({ after: sequence.default(0), limit: limit.default(PAGE_DEFAULT) });
const defineRequest = roomOptions.extend({ room: roomName });

/** The device of a connection; `UNAUTHENTICATED` when it belongs to nobody in particular. */
export function deviceOf({ device }: Connection): Device {
  if (device !== undefined) return device;
  throw new HoldfastError("UNAUTHENTICATED", "rooms are for users, and this connection belongs to none: expected auth { user } or a token");
}

const addressOf = ({ namespace }: Connection, room: string): RoomAddress => ({ namespace, room });

export async function join(_broker: Broker, connection: Connection, payload: object): Promise<object> {
  const device = deviceOf(connection);
  const { room, device: name, from, meta } = validate(joinRequest, payload, "join");
  return { sequence: await device.join(room, name, from, meta) };
}

export async function leave(broker: Broker, connection: Connection, payload: object): Promise<object> {
  const device = deviceOf(connection);
  const { room } = validate(roomRequest, payload, "leave");
  await broker.rooms.removeMember(addressOf(connection, room), { user: device.user });
  device.forget(room);
  return {};
}

export async function emit(broker: Broker, connection: Connection, payload: object, bodyBytesMax: number): Promise<object> {
  const { user: sender } = deviceOf(connection);
  const { room, rooms, user, ...emission } = validate(emitRequest, payload, "emit");
  const ways = [room, rooms, user].filter((way) => way !== undefined).length;
  if (ways !== 1) throw new HoldfastError("BAD_REQUEST", `emit has ${ways} of room, rooms, user, expected 1`);
  const to = rooms ?? [user === undefined ? (room ?? "") : { user }];
  return { receipts: await emitOne(broker.rooms, connection.namespace, { ...emission, to, sender }, bodyBytesMax) };
}

/** What became of a message, for who emitted it. */
export async function receipts(broker: Broker, connection: Connection, payload: object): Promise<object> {
  const device = deviceOf(connection);
  const request = validate(receiptsRequest, payload, "receipts");
  const { id, after } = request;
  const ledger = await broker.rooms.ledger(connection.namespace, targetOf(request), id, after, request.limit);
  const { record, sequence: _, ...reply } = ledger;
  if (record === undefined) throw new HoldfastError("NOT_FOUND", `message ${id} is not kept any more`);
  if (senderOf(record) !== device.user) throw new HoldfastError("FORBIDDEN", `message ${id} was not emitted by ${device.user}`);
  return reply;
}

function targetOf({ room, user }: z.output<typeof receiptsRequest>): RoomTarget {
  if (room !== undefined && user === undefined) return { room };
  if (room === undefined && user !== undefined) return { user };
  throw new HoldfastError("BAD_REQUEST", "receipts has both or none of room and user, expected 1");
}

export async function add(broker: Broker, connection: Connection, payload: object): Promise<object> {
  deviceOf(connection);
  const { room, member } = validate(memberRequest, payload, "add");
  await broker.rooms.addMember(addressOf(connection, room), member);
  return {};
}

export async function remove(broker: Broker, connection: Connection, payload: object): Promise<object> {
  deviceOf(connection);
  const { room, member } = validate(memberRequest, payload, "remove");
  await broker.rooms.removeMember(addressOf(connection, room), member);
  return {};
}

export async function members(broker: Broker, connection: Connection, payload: object): Promise<object> {
  deviceOf(connection);
  const { room, after, limit } = validate(membersRequest, payload, "members");
  const page = await broker.rooms.members(addressOf(connection, room), after, limit);
  return { ...page, items: page.items.map(memberEntry) };
}

/** Members that are connected now, with their devices. */
export async function presence(broker: Broker, connection: Connection, payload: object): Promise<object> {
  deviceOf(connection);
  const { room, after: first, limit } = validate(membersRequest, payload, "presence");
  const items: object[] = [];
  let after: number | undefined = first;
  for (let pages = 0; pages < PRESENCE_PAGES_MAX && after !== undefined && items.length < limit; pages++) {
    const { items: found, next } = await broker.rooms.members(addressOf(connection, room), after, limit - items.length);
    for (const { member, online } of found) {
      if (member.user === undefined || online === 0) continue;
      const devices = broker.rooms.sessionsOf(connection.namespace, member.user).map(({ device }) => device);
      items.push({ user: member.user, devices });
    }
    after = next;
  }
  return after === undefined ? { items } : { items, next: after };
}

export async function define(broker: Broker, connection: Connection, payload: object): Promise<object> {
  deviceOf(connection);
  const { room, ...options } = validate(defineRequest, payload, "define");
  await broker.rooms.define(addressOf(connection, room), options);
  return {};
}

export async function deleteRoom(broker: Broker, connection: Connection, payload: object): Promise<object> {
  deviceOf(connection);
  const { room } = validate(roomRequest, payload, "delete");
  await broker.rooms.remove(addressOf(connection, room));
  return {};
}

/** Names of the rooms, a page of them. */
export async function listRooms(
  broker: Broker,
  connection: Connection,
  { after, limit }: { readonly after?: string | undefined; readonly limit: number },
): Promise<object> {
  deviceOf(connection);
  return broker.rooms.list(connection.namespace, after, limit);
}

export async function stats(broker: Broker, connection: Connection, payload: object): Promise<object> {
  deviceOf(connection);
  const { room } = validate(roomRequest, payload, "stats");
  return broker.rooms.stats(addressOf(connection, room));
}
