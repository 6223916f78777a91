import fc from "fast-check";
import { expect, test } from "vitest";
import { DEFAULT_ROOM_OPTIONS } from "../../room-options.js";
import { countsOf } from "./counts.js";
import { Device } from "./device.js";
import { Exclusion } from "./exclusion.js";
import { ledgerOf } from "./ledger.js";
import { Member } from "./member.js";
import { Room } from "./room.js";

const END = 400;
const sequence = fc.integer({ min: 1, max: END });

/** Where a device is: it began, its cursor came so far, so much more was sent, of which some was settled, nacked or lost. */
const device = fc.record({
  start: sequence,
  cursor: fc.nat(END),
  sent: fc.nat(60),
  settled: fc.oneof(fc.constant([]), fc.array(fc.nat(60), { maxLength: 5 })),
  nacked: fc.oneof(fc.constant([]), fc.array(fc.nat(60), { maxLength: 2 })),
  failed: fc.array(fc.record({ from: sequence, length: fc.nat(20) }), { maxLength: 3 }),
  rewound: fc.boolean(),
});
const member = fc.record({ since: sequence, devices: fc.array(device, { maxLength: 3 }) });
const world = fc.record({
  head: fc.oneof(fc.constant(1), sequence, fc.constant(END)),
  members: fc.array(member, { maxLength: 6 }),
  messages: fc.uniqueArray(sequence, { maxLength: 40 }),
  excluded: fc.array(fc.record({ at: fc.nat(39), members: fc.uniqueArray(fc.integer({ min: 1, max: 8 }), { minLength: 1 }) }), {
    maxLength: 4,
  }),
});

type World = typeof world extends fc.Arbitrary<infer Made> ? Made : never;

function roomOf({ head, members }: World): Room {
  const room = new Room(1, "/", { room: "a" }, DEFAULT_ROOM_OPTIONS, 0);
  Object.assign(room, { head, next: END + 1, durableNext: END + 1 });
  for (const [index, { since, devices }] of members.entries()) {
    const made = new Member(room, index + 1, { user: `user-${index}` }, since);
    room.add(made);
    for (const [number, state] of devices.entries()) made.devices.set(`d${number}`, deviceOf(made, `d${number}`, state));
  }
  return room;
}

function deviceOf(member: Member, name: string, state: World["members"][number]["devices"][number]): Device {
  const { start, cursor, sent, settled, nacked, failed, rewound } = state;
  const made = new Device(member, name, Math.max(start, cursor), true, 0, start);
  const { progress } = made;
  const from = progress.cursor;
  progress.send(from + sent);
  for (const at of settled) progress.acknowledge(from + at, 1);
  for (const at of nacked) if (progress.isInHand(from + at)) progress.fail(from + at);
  if (rewound) progress.rewind();
  made.failed = failed.map(({ from, length }) => ({ from, to: from + length }));
  return made;
}

test("S3: many messages counted together have the counts that the ledger gives of each", () => {
  fc.assert(
    fc.property(world, (made) => {
      const room = roomOf(made);
      const messages = made.messages
        .sort((a, b) => a - b)
        .map((sequence, index) => {
          const excluded = made.excluded.find(({ at }) => at === index);
          return { id: "", sequence, excluded: excluded === undefined ? undefined : Exclusion.of(excluded.members) };
        });
      const expected = messages.map(({ sequence, excluded }) => {
        const block = excluded === undefined ? undefined : { isExcluded: (number: number) => excluded.has(number) };
        return ledgerOf(room, sequence, block, 0, 1).counts;
      });
      expect(countsOf(room, messages).counts).toEqual(expected);
    }),
    { numRuns: 3_000 },
  );
});

test("a member who is where the room is, is looked at once, however many messages there are", () => {
  const room = new Room(1, "/", { room: "a" }, DEFAULT_ROOM_OPTIONS, 0);
  for (let number = 1; number <= 1_000; number++) {
    const made = new Member(room, number, { user: `user-${number}` }, 1);
    room.add(made);
    made.devices.set("d", new Device(made, "d", 500, true, 0, 1));
  }
  const messages = Array.from({ length: 1_000 }, (_, index) => ({ id: "", sequence: index + 1, excluded: undefined }));
  const { counts, cost } = countsOf(room, messages);
  expect(counts[498]).toEqual({ delivered: 1_000, pending: 0, failed: 0 });
  expect(counts[499]).toEqual({ delivered: 0, pending: 1_000, failed: 0 });
  expect(cost).toBeLessThan(5_000);
});
