import type { Permission } from "../auth/grants.js";
import type { RULES } from "../auth/operations.js";

/** A request for each row of the table, what has to be granted for it to be allowed, and how it is carried out. */
export interface MatrixRequest {
  readonly payload: object;
  /** What exactly is to be granted; nothing for rows that need nothing. */
  readonly grants?: Partial<Record<Permission, readonly string[]>>;
}

/** Names that are defined before each request, so that one does not spoil the next. */
export const QUEUE = "orders";
export const ROOM = "kitchen";
export const MESSAGE = "message-of-bob";

const queue = QUEUE;
const room = ROOM;

/** The rows whose payload names a consumer are completed by the test. */
export const MATRIX_REQUESTS: Readonly<Record<keyof typeof RULES, MatrixRequest>> = {
  authenticate: { payload: { token: "not one" } },
  hello: { payload: { frames: 1 } },
  publish: { payload: { queue, body: 1 }, grants: { publish: [queue] } },
  consume: { payload: { queue }, grants: { consume: [queue] } },
  settle: { payload: { settlements: [{ token: "x.1", ack: true }] }, grants: { consume: [queue] } },
  cancel: { payload: {}, grants: { consume: [queue] } },
  join: { payload: { room }, grants: { join: [room] } },
  leave: { payload: { room } },
  emit: { payload: { room, event: "ready", args: [1] }, grants: { emit: [room] } },
  receipts: { payload: { room, id: "message-of-ann" } },
  receiptsOfOthers: { payload: { room, id: MESSAGE }, grants: { admin: [room] } },
  history: { payload: { room } },
  members: { payload: { room }, grants: { join: [room] } },
  presence: { payload: { room }, grants: { join: [room] } },
  statsOfRoom: { payload: { room }, grants: { join: [room] } },
  stats: { payload: { queue }, grants: { consume: [queue] } },
  listMemberships: { payload: { kind: "memberships" } },
  listSchedules: { payload: { kind: "schedules", queue }, grants: { admin: [queue] } },
  list: { payload: { kind: "queues" }, grants: { admin: [queue] } },
  peek: { payload: { queue }, grants: { admin: [queue] } },
  dead: { payload: { queue }, grants: { admin: [queue] } },
  defineRoom: { payload: { room, poison: "dead-letter" }, grants: { admin: [room] } },
  define: { payload: { queue, leaseMs: 30_000 }, grants: { admin: [queue] } },
  deleteRoom: { payload: { room }, grants: { admin: [room] } },
  delete: { payload: { queue }, grants: { admin: [queue] } },
  purge: { payload: { queue }, grants: { admin: [queue] } },
  pause: { payload: { queue }, grants: { admin: [queue] } },
  resume: { payload: { queue }, grants: { admin: [queue] } },
  redrive: { payload: { queue }, grants: { admin: [queue] } },
  key: { payload: { queue, key: "a", action: "skip" }, grants: { admin: [queue] } },
  schedule: { payload: { queue, name: "nightly", cron: "0 2 * * *", message: { body: 1 } }, grants: { admin: [queue] } },
  add: { payload: { room, member: { user: "bob" } }, grants: { admin: [room] } },
  remove: { payload: { room, member: { user: "bob" } }, grants: { admin: [room] } },
  disconnect: { payload: { user: "nobody" } },
  revoke: { payload: { subject: "nobody" } },
  restore: { payload: { subject: "nobody" } },
  backupPart: { payload: { backup: "nothing", cancel: true } },
  backup: { payload: {} },
};
