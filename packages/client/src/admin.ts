export { type Admin, admin } from "./admin/admin.js";
export type { AdminQueue, PeekedMessage, ScheduleEntry, ScheduleTimes } from "./admin/admin-queue.js";
export type { Page } from "./page.js";
