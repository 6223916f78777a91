import { nameOfTarget, type RoomScan } from "../../room-history.js";
import type { Report } from "../violation.js";
import type { Memberships } from "./memberships.js";
import type { RoomMessages } from "./room-messages.js";
import type { RoomRun } from "./room-run.js";

/** Judges what rooms have at the end: nothing is lost, and their counts are what happened: P1, C1. */
export function checkRoomScans(run: RoomRun, messages: RoomMessages, members: Memberships, report: Report): void {
  for (const scan of run.scans.values()) {
    checkCounts(run, scan, report);
    checkMembers(run, scan, members, report);
    checkLost(run, scan, messages, report);
  }
  checkTorn(run, messages, report);
}

function checkCounts(run: RoomRun, scan: RoomScan, report: Report): void {
  const { target, head, next, messages, published, expired, index } = scan;
  const name = nameOfTarget(target);
  const expected = next - head;
  const told = (what: string): void => report.add("counts", `${name} ${what}`, index);
  if (messages.length !== expected) told(`has ${messages.length} messages, expected ${expected} from ${head} to ${next - 1}`);
  if (published !== next - 1) told(`counts ${published} published, expected ${next - 1}`);
  if (expired !== head - 1) told(`counts ${expired} expired, expected ${head - 1}`);
  const most = run.settings(target).only?.maxMessages ?? 0;
  if (most > 0 && messages.length > most) told(`has ${messages.length} messages, expected at most ${most}`);
}

function checkMembers(run: RoomRun, { target, members: listed, index }: RoomScan, members: Memberships, report: Report): void {
  if (target.room === undefined) return;
  const users = new Set([...run.sessions.values()].map(({ call }) => call.invoked.user));
  for (const user of users) {
    const there = listed.some(({ member }) => member.user === user);
    if (!there && members.surely(target, { user }, index, index))
      report.add("counts", `${nameOfTarget(target)} does not list user ${user}, who is a member`, index);
    if (there && !members.possibly(target, { user }, index, index))
      report.add("counts", `${nameOfTarget(target)} lists user ${user}, who is no member`, index);
  }
}

/** What was stored is there, unless retention removed it. */
function checkLost(run: RoomRun, { target, head, next, messages: scanned, index }: RoomScan, messages: RoomMessages, report: Report): void {
  const there = new Map(scanned.map(({ sequence, id }) => [sequence, id]));
  for (const message of messages.of(target)) {
    const { receipt, sequence, id } = message;
    if (receipt === undefined) continue;
    const kept = sequence >= head || !run.settings(target).mayRemove;
    if (sequence >= next || (kept && there.get(sequence) !== id))
      report.add("lost", `${message} was stored, and is gone`, receipt.doneIndex, index);
  }
}

/** What went to several rooms is in all of them, or in none. */
function checkTorn(run: RoomRun, messages: RoomMessages, report: Report): void {
  for (const [id, calls] of messages.byId) {
    const [call] = calls;
    if (call === undefined || call.invoked.to.length === 1) continue;
    const there = call.invoked.to.map((target) => ({
      target,
      found: messages.ofId(target, id),
      scan: run.scans.get(nameOfTarget(target)),
    }));
    const missing = there.find(({ found, scan }) => found.length === 0 && scan?.head === 1);
    const stored = there.find(({ found }) => found.length > 0);
    if (missing !== undefined && stored !== undefined)
      report.add(
        "torn",
        `${stored.found[0]} was not stored in ${nameOfTarget(missing.target)}`,
        call.invoked.index,
        missing.scan?.index ?? -1,
      );
  }
}
