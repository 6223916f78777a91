import type { Edit, PlantedBug } from "./bug.js";

const CURSOR_PASSES: Edit = {
  file: "core/rooms/progress.ts",
  find: "const from = Math.max(first, this.cursor);",
  replace: "const from = Math.min(first, this.cursor);",
};
const EXCEPTED_IS_SERVED: Edit = {
  file: "core/rooms/room-block.ts",
  find: "return this.exclusionOf(sequence)?.has(member) === true;",
  replace: "return this.exclusionOf(sequence)?.has(member) === undefined && false;",
};
const BEGINS_LATE: Edit = {
  file: "core/rooms/rooms.ts",
  find: "return this.membership.add(room, who, room.next, now).since;",
  replace: "return this.membership.add(room, who, room.next + 1, now).since;",
};

/** Bugs of durable rooms, each in the code that does it. */
export const ROOM_BUGS: readonly PlantedBug[] = [
  {
    bug: "a cursor that passes an unsettled message",
    edits: [CURSOR_PASSES],
    caught: { by: "simulation", kinds: ["skipped"] },
  },
  {
    bug: "a cursor that passes an unsettled message of a real device",
    edits: [CURSOR_PASSES],
    caught: { by: "kills", kinds: ["skipped"] },
  },
  {
    bug: "a cursor that passes an unsettled message, as a loss of power leaves it",
    edits: [CURSOR_PASSES],
    caught: { by: "power", finds: /skipped:/ },
  },
  {
    bug: "a gap that is not reported",
    edits: [{ file: "core/rooms/deliveries.ts", find: "addGap(device.gaps, { from, to }, reason);", replace: "" }],
    caught: { by: "simulation", kinds: ["missed"] },
  },
  {
    bug: "what is live before what was missed",
    edits: [
      {
        file: "core/rooms/deliveries.ts",
        find: "if (block === undefined) {\n",
        replace: `if (block === undefined) {
        const last = room.durableNext - 1;
        const live = room.waiting.has(device) || last >= limitOf(device) ? undefined : room.cached.find(last);
        if (live !== undefined) items.push(live.slice(last - live.first, last - live.first + 1, false));
`,
      },
    ],
    caught: { by: "simulation", kinds: ["inverted"] },
  },
  {
    bug: "an excepted user who is served",
    edits: [EXCEPTED_IS_SERVED],
    caught: { by: "simulation", kinds: ["excepted"] },
  },
  {
    bug: "an excepted user whose real devices are served",
    edits: [EXCEPTED_IS_SERVED],
    caught: { by: "kills", kinds: ["excepted"] },
  },
  {
    bug: "a member of several rooms who is served through each",
    edits: [{ file: "core/rooms/audience.ts", find: "rooms.slice(0, index)", replace: "rooms.slice(0, 0 * index)" }],
    caught: { by: "simulation", kinds: ["excepted"] },
  },
  {
    bug: "a member who begins one message late",
    edits: [BEGINS_LATE],
    caught: { by: "simulation", kinds: ["missed"] },
  },
  {
    bug: "a real device whose user begins one message late",
    edits: [BEGINS_LATE],
    caught: { by: "kills", kinds: ["missed"] },
  },
  {
    bug: "cursors that are never written",
    edits: [
      {
        file: "core/rooms/rooms.ts",
        find: "if (!device.member.gone) this.catalog.changed(device.member);",
        replace: "",
      },
    ],
    caught: { by: "simulation", kinds: ["again"] },
  },
  {
    bug: "a queue that is fed, and whose cursor is in a later commit",
    edits: [
      {
        file: "core/rooms/rooms.ts",
        find: "moved: (device: Device) => this.catalog.changed(device.member),",
        replace: "moved: (device: Device) => this.deliveries.note(device, this.#deadlines.next ?? 0),",
      },
    ],
    caught: { by: "simulation", kinds: ["duplicated"] },
  },
  {
    bug: "gaps that the next session is not told",
    edits: [
      {
        file: "core/rooms/deliveries.ts",
        find: "device.reset();\n    device.session = undefined;",
        replace: "device.reset();\n    device.gaps = [];\n    device.session = undefined;",
      },
    ],
    caught: { by: "simulation", kinds: ["gap-forgotten"] },
  },
  {
    bug: "failed deliveries counted twice",
    edits: [{ file: "core/rooms/progress.ts", find: "& COUNT) + 1);", replace: "& COUNT) + 2);" }],
    caught: { by: "simulation", kinds: ["false-gap"] },
  },
];
