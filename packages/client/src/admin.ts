export { type Admin, admin } from "./admin/admin.js";
export type { AdminQueue, PeekedMessage, ScheduleEntry, ScheduleTimes } from "./admin/admin-queue.js";
export type { AdminRoom, RoomOptions, RoomStats } from "./admin/admin-room.js";
export type { Page } from "./page.js";
