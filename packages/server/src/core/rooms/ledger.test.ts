import fc from "fast-check";
import { expect, test } from "vitest";
import { DEFAULT_ROOM_OPTIONS } from "../../room-options.js";
import { Device } from "./device.js";
import { inherit, type State, stateOf } from "./ledger.js";
import { Member } from "./member.js";
import { addRange, inRanges } from "./ranges.js";
import { Room } from "./room.js";

const END = 60;
const sequence = fc.integer({ min: 1, max: END });
/** A device that is away: where it began, how far it is, and what of that it did not take. */
const device = fc.record({ start: sequence, passed: fc.nat(END), failed: fc.array(fc.tuple(sequence, fc.nat(5)), { maxLength: 4 }) });

type Given = typeof device extends fc.Arbitrary<infer Made> ? Made : never;

function enter(member: Member, name: string, { start, passed, failed }: Given): Device {
  const made = new Device(member, name, start + passed, true, 0, start);
  for (const [from, length] of [...failed].sort(([a], [b]) => a - b)) {
    const [first, last] = [Math.max(from, start), Math.min(from + length, start + passed - 1)];
    if (first <= last) addRange(made.failed, { from: first, to: last });
  }
  member.devices.set(name, made);
  return made;
}

test("S3: when a device is forgotten the ledger says what it did, but for what it alone was to get or is not sure yet", () => {
  fc.assert(
    fc.property(device, device, (one, other) => {
      const room = new Room(1, "/", { room: "a" }, DEFAULT_ROOM_OPTIONS, 0);
      const member = new Member(room, 1, { user: "anna" }, 1);
      const heir = enter(member, "heir", one);
      const old = enter(member, "old", other);
      const [first, { cursor }] = [heir.start, heir.progress];
      const before = Array.from({ length: 2 * END }, (_, index) => stateOf(member, index + 1));
      inherit(heir, old);
      member.devices.delete("old");
      for (const [index, state] of before.entries()) {
        const at = index + 1;
        if (at < Math.min(first, old.start)) continue;
        const settled: State = state === "pending" ? "failed" : state;
        const expected = at >= cursor ? "pending" : settled;
        expect(stateOf(member, at), `${at}, ${state} before`).toBe(expected);
        if (at >= cursor) expect(inRanges(heir.failed, at)).toBe(false);
      }
    }),
    { numRuns: 2_000 },
  );
});
