import { ByteReader, ByteWriter } from "holdfast-client/protocol";
import { Device } from "./device.js";
import type { Gap, GapReason } from "./gaps.js";
import { Member } from "./member.js";
import type { Range } from "./ranges.js";
import type { Room } from "./room.js";

/**
 * Some members of a room in one value: u8 version, u16 count, and for each
 *
 *     u32 number, u48 since, u8 0 user or 1 queue, u16 length and name, u16 count of devices, and for each of those
 *       u8 length and name, u48 start, u48 cursor, u48 one past the highest sent, u8 failures at the cursor, u8 begun, u48 last seen
 *       u16 count of gaps:   u48 from, u48 to, u8 reason, u48 how many of them (not in version 1: all)
 *       u16 count of ranges: u48 from, u48 to
 */
const VERSION = 2;
const REASONS: readonly GapReason[] = ["retention", "attempts", "expired"];

const writer = new ByteWriter(4_096);

export function packMembers(members: readonly Member[]): Uint8Array {
  writer.rewind(0);
  writer.u8(VERSION);
  writer.u16(members.length);
  for (const { number, since, who, devices } of members) {
    writer.u32(number);
    writer.u48(since);
    writer.u8(who.user === undefined ? 1 : 0);
    writer.text16(who.user ?? who.queue);
    writer.u16(devices.size);
    for (const device of devices.values()) writeDevice(device);
  }
  return writer.take();
}

function writeDevice({ name, start, progress, begun, lastSeen, gaps, failed }: Device): void {
  writer.text8(name);
  writer.u48(start);
  writer.u48(progress.cursor);
  writer.u48(progress.sentMax);
  writer.u8(progress.failures(progress.cursor));
  writer.u8(begun ? 1 : 0);
  writer.u48(lastSeen);
  writer.u16(gaps.length);
  for (const { from, to, reason, count } of gaps) {
    writer.u48(from);
    writer.u48(to);
    writer.u8(REASONS.indexOf(reason));
    writer.u48(count);
  }
  writer.u16(failed.length);
  for (const { from, to } of failed) {
    writer.u48(from);
    writer.u48(to);
  }
}

/** The members in a stored value, with their devices. */
export function unpackMembers(room: Room, stored: Uint8Array): Member[] {
  const reader = new ByteReader(stored);
  const version = reader.u8();
  if (version === 0 || version > VERSION) {
    throw new Error(`members of room ${room.number} have version ${version}, expected ${VERSION} at most`);
  }
  return Array.from({ length: reader.u16() }, () => {
    const number = reader.u32();
    const since = reader.u48();
    const isQueue = reader.u8() === 1;
    const name = reader.text16();
    const member = new Member(room, number, isQueue ? { queue: name } : { user: name }, since);
    for (let count = reader.u16(); count > 0; count--) readDevice(member, reader, version);
    return member;
  });
}

function readDevice(member: Member, reader: ByteReader, version: number): void {
  const name = reader.text8();
  const start = reader.u48();
  const cursor = reader.u48();
  const sentMax = reader.u48();
  const failures = reader.u8();
  const begun = reader.u8() === 1;
  const device = new Device(member, name, cursor, begun, reader.u48(), start, sentMax);
  device.progress.restoreFailures(failures);
  device.gaps = Array.from({ length: reader.u16() }, (): Gap => {
    const [from, to] = [reader.u48(), reader.u48()];
    const reason = REASONS[reader.u8()] ?? "retention";
    return { from, to, reason, count: version === 1 ? to - from + 1 : reader.u48(), told: false };
  });
  device.failed = Array.from({ length: reader.u16() }, (): Range => ({ from: reader.u48(), to: reader.u48() }));
  member.devices.set(name, device);
}
