import type { LedgerSeen } from "../../room-history.js";
import type { Report } from "../violation.js";
import type { Devices } from "./devices.js";
import type { Memberships } from "./memberships.js";
import type { RoomMessages } from "./room-messages.js";
import type { RoomRun } from "./room-run.js";

/** Judges whether ledgers say what became of messages. */
export function checkLedgers(run: RoomRun, messages: RoomMessages, members: Memberships, devices: Devices, report: Report): void {
  const users = [...new Set([...run.sessions.values()].map(({ call }) => call.invoked.user))];
  for (const ledger of run.ledgers) for (const user of users) checkUser(ledger, user, run, messages, members, devices, report);
}

function checkUser(
  { target, sequence, delivered, pending, failed, index }: LedgerSeen,
  user: string,
  run: RoomRun,
  messages: RoomMessages,
  members: Memberships,
  devices: Devices,
  report: Report,
): void {
  const message = messages.at(target, sequence);
  if (message === undefined) return;
  const told = (text: string): void => report.add("ledger", `the ledger of ${message} ${text}`, messages.storedFrom(message), index);
  const lists = Object.entries({ delivered, pending, failed }).flatMap(([state, listed]) => (listed.includes(user) ? [state] : []));
  const [state] = lists;
  if (lists.length > 1) told(`has ${user} as ${lists.join(" and ")}`);
  const left = members.mayHaveLeft(target, { user }, messages.storedFrom(message), index);
  if (left) return;
  const isFor = messages.isFor(message, { user });
  if (state === undefined && isFor === "yes") told(`does not have ${user}, for whom it is`);
  if (state !== undefined && isFor === "no") told(`has ${user}, for whom it is not`);
  const tracks = devices.ofUser(user, target);
  const settled = tracks.some((track) => !track.loose && track.get(sequence)?.settled === true);
  if (state === "delivered" && !tracks.some(({ acked }) => acked.has(sequence))) told(`has ${user} as delivered, who never settled it`);
  if (state !== undefined && state !== "delivered" && settled && run.drained < index) told(`has ${user} as ${state}, who settled it`);
}
