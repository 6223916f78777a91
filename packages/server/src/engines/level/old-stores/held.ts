import { createHash } from "node:crypto";
import type { QueueStats } from "../../../engine.js";
import type { RoomMemberInfo, RoomStats, RoomTarget } from "../../../room-engine.js";
import type { Harness } from "../../conformance/harness.js";
import { readPeeked, type Seen } from "../../conformance/messages.js";

/** A message as an engine shows it; what it does not have is absent. */
export interface HeldMessage {
  readonly sequence: number;
  readonly id: string;
  readonly body: unknown;
  readonly state: Seen["state"];
  readonly attempts?: number;
  readonly publishedAt: number;
  readonly key?: string;
  readonly headers?: unknown;
  readonly event?: string;
  readonly [field: string]: unknown;
}

const COUNTS = [
  "ready",
  "inFlight",
  "delayed",
  "parked",
  "blocked",
  "dead",
  "acked",
  "expired",
  "purged",
  "published",
  "redriven",
] as const;

export interface HeldQueue {
  readonly namespace: string;
  readonly queue: string;
  readonly stats: Pick<QueueStats, (typeof COUNTS)[number] | "bytes" | "paused">;
  readonly schedules: readonly { readonly name: string; readonly next: number | undefined; readonly published: number }[];
  readonly messages: readonly HeldMessage[];
}

interface HeldRoom {
  readonly target: RoomTarget;
  readonly stats: Omit<RoomStats, "online" | "oldestAgeMs">;
  readonly members: readonly Pick<RoomMemberInfo, "member" | "since" | "devices">[];
  readonly messages: readonly {
    readonly sequence: number;
    readonly id: string;
    readonly body: unknown;
    readonly delivered: readonly string[];
    readonly pending: readonly string[];
  }[];
}

/** What an engine says that it has. */
export interface Held {
  readonly queues: readonly HeldQueue[];
  readonly rooms: readonly HeldRoom[];
}

/** Long texts and bytes by their hash, so that it can be read. */
export function shortBody(body: unknown): unknown {
  if (typeof body === "string" && body.length > 100) return { characters: body.length, sha256: sha256(body) };
  if (body instanceof Uint8Array) return { bytes: body.length, sha256: sha256(body) };
  return body;
}

const sha256 = (of: string | Uint8Array): string => createHash("sha256").update(of).digest("hex");

const shortMessage = ({ sequence, id, body, state, attempts, publishedAt, ...seen }: Seen): HeldMessage => {
  const { event, key, headers, replyTo, correlationId, history, chosenId, priority, delayMs } = seen;
  const others = { event, key, headers, replyTo, correlationId, history, chosenId, priority, delayMs, attempts };
  const given = Object.entries(others).filter(([, value]) => value !== undefined && value !== 0 && value !== false);
  return { sequence, id, body: shortBody(body), state, publishedAt, ...Object.fromEntries(given) };
};

async function heldQueue(h: Harness, namespace: string, queue: string): Promise<HeldQueue> {
  const stats = await h.engine.stats({ namespace, queue });
  const counts = Object.fromEntries(COUNTS.map((name) => [name, stats[name]])) as Pick<QueueStats, (typeof COUNTS)[number]>;
  const { items } = await h.engine.schedules({ namespace, queue }, undefined, 100);
  return {
    namespace,
    queue,
    stats: { ...counts, bytes: stats.bytes, paused: stats.paused },
    schedules: items.map(({ name, next, published }) => ({ name, next, published })),
    messages: (await h.scan(queue, namespace)).map(shortMessage),
  };
}

async function heldRoom(h: Harness, room: string): Promise<HeldRoom> {
  const target = { room };
  const { online: _online, oldestAgeMs: _oldestAgeMs, ...stats } = await h.engine.roomStats({ namespace: "/", room });
  const { items } = await h.engine.members({ namespace: "/", room }, 0, 100);
  const messages: HeldRoom["messages"][number][] = [];
  for (let sequence = stats.head; sequence < stats.next; sequence++) {
    const { record, delivered, pending } = await h.engine.ledger("/", target, { sequence }, 0, 100);
    if (record === undefined) throw new Error(`room ${room} does not have message ${sequence}`);
    const [seen] = readPeeked([{ sequence, attempts: 0, state: "ready", publishedAt: 0, record }]);
    messages.push({ sequence, id: seen?.id ?? "", body: shortBody(seen?.body), delivered, pending });
  }
  return { target, stats, members: items.map(({ member, since, devices }) => ({ member, since, devices })), messages };
}

/** Asks an engine for all that it has in these namespaces, and for the rooms of `/`. */
export async function heldBy(h: Harness, namespaces: readonly string[]): Promise<Held> {
  await h.quiet();
  const queues: HeldQueue[] = [];
  for (const namespace of namespaces) {
    const { items } = await h.engine.list(namespace, undefined, 100);
    for (const queue of items) queues.push(await heldQueue(h, namespace, queue));
  }
  const rooms: HeldRoom[] = [];
  for (const room of (await h.engine.listRooms("/", undefined, 100)).items) rooms.push(await heldRoom(h, room));
  return JSON.parse(JSON.stringify({ queues, rooms })) as Held;
}
