/** A valid request of each operation, in each of its forms: what is changed here and there, and sent. */
const queue = "q";
const room = "r";
const message = {
  body: { item: [1, "two", { three: null }] },
  id: "i",
  key: "k",
  event: "e",
  headers: { a: "b" },
  priority: 1,
  ttlMs: 60_000,
};
const cron = "0 0 1 1 *";

export const REQUESTS: readonly (readonly [operation: string, payload: object])[] = [
  ["hello", { frames: 1, rooms: { device: "d", meta: true, frames: 1 } }],
  ["hello", { frames: 1, rooms: false }],
  ["publish", { queue, ...message, delayMs: 1_000, replyTo: "reply", correlationId: "c" }],
  ["publish", { queue, messages: [message, { body: "x" }, { body: 1 }] }],
  [
    "publish",
    {
      messages: [
        { queue, body: 1 },
        { queue: "p", body: [] },
      ],
    },
  ],
  ["consume", { queue: "unused", maxInFlight: 10 }],
  ["consume", { queue: "unused", consumer: "c", frames: true, held: [[1, 2]] }],
  [
    "settle",
    {
      consumer: "c",
      settlements: [
        { token: "t", ack: true },
        { token: "u", nack: { delayMs: 1, reason: "r" } },
        { token: "v", extend: { leaseMs: 1_000 } },
      ],
    },
  ],
  ["cancel", { consumer: "c" }],
  [
    "define",
    {
      queue,
      ordering: "none",
      leaseMs: 30_000,
      maxAttempts: 5,
      backoff: { type: "list", delaysMs: [1, 2] },
      deadLetter: "dead",
      depthMax: 10_000,
    },
  ],
  ["define", { room, retention: { maxMessages: 100 } }],
  ["delete", { queue }],
  ["delete", { room }],
  ["list", { kind: "queues", after: "a", limit: 10 }],
  ["list", { kind: "schedules", queue }],
  ["list", { kind: "memberships" }],
  ["stats", { queue }],
  ["stats", { room }],
  ["peek", { queue, after: 0, limit: 10 }],
  ["dead", { queue }],
  ["key", { queue, key: "k", action: "skip" }],
  ["purge", { queue, dead: true }],
  ["pause", { queue }],
  ["resume", { queue }],
  ["redrive", { queue, ids: ["i"] }],
  ["schedule", { queue, name: "s", cron, timezone: "Europe/Berlin", message: { body: 1, key: "k" } }],
  ["schedule", { queue, name: "s", remove: true }],
  ["join", { room, device: "d", from: "earliest", meta: true }],
  ["leave", { room }],
  ["emit", { room, event: "e", args: [1, { two: 2 }], id: "i", except: [{ user: "bob" }, "x"], headers: { a: "b" } }],
  ["emit", { rooms: [room, { user: "bob" }], event: "e" }],
  ["emit", { user: "bob", event: "e", ttlMs: 1_000 }],
  ["receipts", { room, id: "i", after: 0, limit: 10 }],
  ["receipts", { room, watch: true, from: 1 }],
  ["history", { room, before: 100, limit: 10 }],
  ["add", { room, member: { user: "bob" } }],
  ["add", { room, member: { queue } }],
  ["remove", { room, member: { user: "bob" } }],
  ["members", { room, after: 0, limit: 10 }],
  ["presence", { room, watch: true }],
];
