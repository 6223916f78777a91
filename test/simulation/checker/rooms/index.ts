import type { HistoryEvent } from "../../history.js";
import type { Copies } from "../copy.js";
import type { Run } from "../run.js";
import type { Report } from "../violation.js";
import { checkRoomContents } from "./contents.js";
import { Devices } from "./devices.js";
import { DurableCursors } from "./durable-cursors.js";
import { Ends } from "./ends.js";
import { checkFeeds } from "./feeds.js";
import { checkLedgers } from "./ledgers.js";
import { Memberships } from "./memberships.js";
import { RoomMessages } from "./room-messages.js";
import { RoomRun } from "./room-run.js";
import { checkRoomScans } from "./stored.js";

/** Judges what a history has of durable rooms: the promises P and S, and the queues that rooms feed. */
export function checkRooms(history: readonly HistoryEvent[], run: Run, copies: Copies, report: Report): void {
  const rooms = new RoomRun(history, run);
  if (rooms.sessions.size === 0 && rooms.emits.list.length === 0) return;
  const members = new Memberships(rooms);
  const messages = new RoomMessages(rooms, members, report);
  checkRoomContents(rooms, messages, report);
  checkRoomScans(rooms, messages, members, report);
  const devices = new Devices(rooms, messages, members, new DurableCursors(history, run.lives), report);
  new Ends(rooms, messages, members, devices, report).check();
  checkLedgers(rooms, messages, members, devices, report);
  checkFeeds(rooms, messages, members, copies, report);
}
