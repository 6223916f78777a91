import { Deliveries } from "../../packages/server/src/core/rooms/deliveries.js";
import { Membership } from "../../packages/server/src/core/rooms/membership.js";
import { Progress } from "../../packages/server/src/core/rooms/progress.js";
import { StoredBlock } from "../../packages/server/src/core/rooms/room-block.js";
import { RoomCatalog } from "../../packages/server/src/core/rooms/room-catalog.js";
import { Rooms } from "../../packages/server/src/core/rooms/rooms.js";
import { StoredEngine } from "../../packages/server/src/engines/stored-engine.js";
import type { RoomItem } from "../../packages/server/src/room-engine.js";
import type { Sabotage } from "./sabotage.js";
import { replace } from "./tampering.js";

/** Bugs of durable rooms. */
export const ROOM_SABOTAGES: readonly Sabotage[] = [
  {
    bug: "an acknowledgement that settles all before it",
    kind: "skipped",
    apply: () =>
      replace(
        Progress.prototype,
        "acknowledge",
        (acknowledge) =>
          function (this: Progress, first, count) {
            return acknowledge.call(this, this.cursor, first + count - this.cursor);
          },
      ),
  },
  {
    bug: "gaps that are not told",
    kind: "missed",
    apply: () => replace(Deliveries.prototype, "pull", (pull) => changedItems(pull, (items) => items.filter(({ kind }) => kind !== "gap"))),
  },
  {
    bug: "what is live before what was missed",
    kind: "inverted",
    apply: () => replace(Deliveries.prototype, "pull", (pull) => changedItems(pull, (items) => items.toReversed())),
  },
  {
    bug: "excepted users who are served",
    kind: "excepted",
    apply: () => replace(StoredBlock.prototype, "isExcluded", () => () => false),
  },
  {
    bug: "members of several rooms who are served through each",
    kind: "excepted",
    apply: () =>
      replace(
        Rooms.prototype,
        "emit",
        (emit) =>
          function (this: Rooms, request, now) {
            return request.to.flatMap((target) => emit.call(this, { ...request, to: [target] }, now));
          },
      ),
  },
  {
    bug: "members who begin one message late",
    kind: "missed",
    apply: () =>
      replace(
        Membership.prototype,
        "add",
        (add) =>
          function (this: Membership, room, who, since, now, joining) {
            return add.call(this, room, who, since + 1, now, joining);
          },
      ),
  },
  {
    bug: "joins that take a device on to what comes",
    kind: "missed",
    firstSeed: 108,
    apply: () =>
      replace(
        Membership.prototype,
        "join",
        (join) =>
          function (this: Membership, session, room, from, now) {
            const device = session.devices.get(room.number);
            if (device?.begun === false) device.moveTo(room.next);
            return join.call(this, session, room, from, now);
          },
      ),
  },
  {
    bug: "cursors that are never written",
    kind: "again",
    apply: () => replace(Deliveries.prototype, "note", () => () => {}),
  },
  {
    bug: "ids and producers of rooms forgotten at a restart",
    kind: "duplicated",
    apply: () => replace(RoomCatalog.prototype, "numbered", () => () => undefined),
  },
  {
    bug: "queues that are fed, and whose cursors are not in the same commit",
    kind: "duplicated",
    apply: () =>
      replace(
        RoomCatalog.prototype,
        "changed",
        (changed) =>
          function (this: RoomCatalog, member) {
            if (member.who.queue === undefined) changed.call(this, member);
          },
      ),
  },
  {
    bug: "what was nacked sent again with whatever is due",
    kind: "early-retry",
    apply: () =>
      replace(
        Progress.prototype,
        "isDue",
        (isDue) =>
          function (this: Progress, sequence, failuresMax) {
            return isDue.call(this, sequence, failuresMax, Number.POSITIVE_INFINITY);
          },
      ),
  },
  {
    bug: "failed deliveries that are not counted",
    kind: "too-often",
    apply: () => replace(Progress.prototype, "failures", () => () => 0),
  },
  {
    bug: "failed deliveries counted twice",
    kind: "false-gap",
    apply: () =>
      replace(
        Progress.prototype,
        "failures",
        (failures) =>
          function (this: Progress, sequence) {
            return 2 * failures.call(this, sequence);
          },
      ),
  },
  {
    bug: "gaps that the next session is not told",
    kind: "gap-forgotten",
    apply: () =>
      replace(
        Deliveries.prototype,
        "end",
        (end) =>
          function (this: Deliveries, device, counted, now) {
            end.call(this, device, counted, now);
            device.gaps = [];
          },
      ),
  },
  {
    bug: "a removal that leaves the room as it is",
    kind: "removed-room",
    apply: () => replace(StoredEngine.prototype, "removeRoom", () => async () => {}),
  },
];

function changedItems(pull: Deliveries["pull"], change: (items: readonly RoomItem[]) => RoomItem[]): Deliveries["pull"] {
  return function (this: Deliveries, session, bytesMax, now) {
    return change(pull.call(this, session, bytesMax, now));
  };
}
