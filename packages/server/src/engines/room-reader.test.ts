import { expect, it } from "vitest";
import type { Rooms } from "../core/rooms/rooms.js";
import { MemoryStore } from "./memory/memory-store.js";
import { RoomReader } from "./room-reader.js";

it("S1: a device that came to the end of its room while it waited for its turn needs no read, and is no damage", async () => {
  // Retention removed all that there was, and the device went along.
  const room = { number: 1, head: 100, durableNext: 100, removed: false };
  const device = { member: { room, gone: false }, progress: { sent: 100 } };
  const wanting = new Set([device]);
  const rooms = { deliveries: { wanting }, stretchBytes: 1_000, fill: () => undefined } as unknown as Rooms;
  const store = new MemoryStore();
  await store.open();
  const reads: Promise<void>[] = [];
  new RoomReader(store, rooms, (read) => void reads.push(read)).pump();
  await Promise.all(reads);
  expect(wanting.size).toBe(0);
});
