import { z } from "zod";
import type { Broker } from "../broker.js";
import type { Page } from "../engine.js";
import { memberEntry } from "../room.js";
import { memberObject } from "../room-names.js";
import { roomName, roomOptions } from "../room-options.js";
import { validate } from "../validate.js";

const PAGE_MAX = 1_000;
const PAGE_DEFAULT = 100;
const SEQUENCE_MAX = 0xffff_ffff_ffff;

const roomRequest = z.strictObject({ room: roomName });
const memberRequest = roomRequest.extend({ member: memberObject });
const membersRequest = roomRequest.extend({
  after: z.int().min(0).max(SEQUENCE_MAX).default(0),
  limit: z.int().min(1).max(PAGE_MAX).default(PAGE_DEFAULT),
});
const defineRequest = roomOptions.extend({ room: roomName });

export async function add(broker: Broker, namespace: string, payload: object): Promise<object> {
  const { room, member } = validate(memberRequest, payload, "add");
  await broker.rooms.addMember({ namespace, room }, member);
  return {};
}

export async function remove(broker: Broker, namespace: string, payload: object): Promise<object> {
  const { room, member } = validate(memberRequest, payload, "remove");
  await broker.rooms.removeMember({ namespace, room }, member);
  return {};
}

export async function members(broker: Broker, namespace: string, payload: object): Promise<object> {
  const { room, after, limit } = validate(membersRequest, payload, "members");
  const page = await broker.rooms.members({ namespace, room }, after, limit);
  return { ...page, items: page.items.map(memberEntry) };
}

/** Members that are connected now, with their devices. */
export async function presence(broker: Broker, namespace: string, payload: object): Promise<object> {
  const { room, after, limit } = validate(membersRequest, payload, "presence");
  return broker.rooms.presencePage({ namespace, room }, after, limit);
}

export async function define(broker: Broker, namespace: string, payload: object): Promise<object> {
  const { room, ...options } = validate(defineRequest, payload, "define");
  await broker.rooms.define({ namespace, room }, options);
  return {};
}

export async function deleteRoom(broker: Broker, namespace: string, payload: object): Promise<object> {
  const { room } = validate(roomRequest, payload, "delete");
  await broker.rooms.remove({ namespace, room });
  return {};
}

interface ListPage {
  readonly after?: string | undefined;
  readonly limit: number;
}

/** Names of the rooms, a page of them. */
export async function listRooms(broker: Broker, namespace: string, { after, limit }: ListPage): Promise<Page<string, string>> {
  return broker.rooms.list(namespace, after, limit);
}

export async function stats(broker: Broker, namespace: string, payload: object): Promise<object> {
  const { room } = validate(roomRequest, payload, "stats");
  return broker.rooms.stats({ namespace, room });
}
