import { ByteWriter } from "holdfast-client/protocol";
import { expect, test } from "vitest";
import { DEFAULT_ROOM_OPTIONS } from "../../room-options.js";
import { Device } from "./device.js";
import { addGap } from "./gaps.js";
import { Member } from "./member.js";
import { packMembers, unpackMembers } from "./member-chunk.js";
import { Room } from "./room.js";

const room = new Room(1, "/", { room: "a" }, DEFAULT_ROOM_OPTIONS, 0);

test("gaps come back as they were, to be told again", () => {
  const member = new Member(room, 1, { user: "anna" }, 1);
  const device = new Device(member, "phone", 9, true, 0);
  member.devices.set("phone", device);
  for (let sequence = 1; sequence <= 41; sequence += 2) addGap(device.gaps, { from: sequence, to: sequence }, "expired");
  const [back] = unpackMembers(room, packMembers([member]));
  expect(back?.devices.get("phone")?.gaps).toEqual(device.gaps);
});

test("a value of version 1 has gaps of whole ranges", () => {
  const writer = new ByteWriter(256);
  writer.u8(1);
  writer.u16(1);
  writer.u32(1);
  writer.u48(1);
  writer.u8(0);
  writer.text16("anna");
  writer.u16(1);
  writer.text8("phone");
  for (const position of [1, 9, 9]) writer.u48(position);
  writer.u8(0);
  writer.u8(1);
  writer.u48(0);
  writer.u16(1);
  writer.u48(3);
  writer.u48(5);
  writer.u8(1);
  writer.u16(0);
  const [member] = unpackMembers(room, writer.take());
  expect(member?.devices.get("phone")?.gaps).toEqual([{ from: 3, to: 5, reason: "attempts", count: 3, told: false }]);
});
