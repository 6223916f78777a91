export { type Admin, admin } from "./admin/admin.js";
export type { AdminQueue, Page, PeekedMessage, ScheduleEntry, ScheduleTimes } from "./admin/admin-queue.js";
