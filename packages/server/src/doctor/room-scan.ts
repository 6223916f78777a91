import * as keys from "../core/keys.js";
import { packRoomState, type Room } from "../core/rooms/room.js";
import { StoredBlock } from "../core/rooms/room-block.js";
import type { Write } from "../store.js";
import type { Examined } from "./finding.js";
import { placeholder } from "./placeholder.js";
import { messageOf, type LogBlock, type Scan } from "./scan.js";

/** Looks through everything that a room has; its state and members were restored. */
export async function scanRoom(room: Room, scan: Scan): Promise<{ readonly examined: Examined; readonly writes: readonly Write[] }> {
  let bytes = 0;
  /** Where the next block is expected: a room loses none but at its head. */
  let expected = room.headFirst;
  for await (const found of scan.log(room.number, room.next)) {
    if (found.first < room.headFirst) continue;
    if (found.first > expected) missing(room, scan, expected, found.first);
    const { block, broken, first, end } = found;
    if (broken) scan.found(`the block at ${first} does not continue the one before it: one of them was changed, or an older one came back`);
    bytes += readBytes(room, scan, found);
    expected = block?.end ?? end;
  }
  if (room.head < room.next && expected < room.next) missing(room, scan, expected, room.next);
  if (expected > room.next) scan.found(`its log ends at sequence ${expected - 1}, expected below ${room.next}, the next one to be given`);
  compare(room, scan, bytes);
  checkMembers(room, scan);
  const { namespace, name, target, members } = room;
  const kind = target.user === undefined ? "room" : "inbox";
  const messages = room.next - room.head;
  const examined: Examined = {
    kind,
    namespace,
    name,
    blocks: scan.blocks,
    messages,
    bytes,
    members: members.size,
    findings: scan.findings.length,
  };
  return { examined, writes: scan.findings.some(({ mend }) => mend !== undefined) ? [recounted(room, scan, bytes)] : [] };
}

const MENDS = "puts messages in their place that have expired: devices are told a gap";

function missing(room: Room, scan: Scan, from: number, end: number): void {
  const { write, bytes } = placeholder(room.number, from, end - from);
  scan.found(`the messages ${from} to ${end - 1} are missing`, MENDS, [write]);
  scan.placedBytes += bytes;
}

/** Bytes of the records from the head on. */
function readBytes(room: Room, scan: Scan, { first, end, block, value, why }: LogBlock): number {
  try {
    if (block === undefined) throw new Error(why);
    const stored = new StoredBlock(room.ref, block, value);
    const from = Math.min(block.count, Math.max(0, room.head - first));
    return stored.bytesOf(from, block.count);
  } catch (error) {
    const { write, bytes } = placeholder(room.number, first, end - first);
    scan.found(`the block with sequences ${first} to ${end - 1} is damaged: ${messageOf(error)}`, `${MENDS} from ${first} to ${end - 1}`, [
      write,
    ]);
    scan.placedBytes += bytes;
    return 0;
  }
}

function compare(room: Room, scan: Scan, bytes: number): void {
  const { published, expired, next, head } = room;
  if (room.bytes !== bytes) {
    scan.found(`its state says bytes: ${room.bytes}, a scan of all entries finds ${bytes}`, "writes what the scan found");
  }
  if (published - expired !== next - head) {
    const what = `${published} messages were emitted and ${expired} are gone by retention, but it has ${next - head}`;
    scan.found(`${what}: its counts do not add up`, "counts the difference as gone, or as emitted");
  }
}

/** Every device is at a place that the log has, or had. */
function checkMembers(room: Room, scan: Scan): void {
  for (const { who, since, devices } of room.members.values()) {
    const name = JSON.stringify(who.user ?? who.queue);
    if (since > room.next) scan.found(`member ${name} is one since sequence ${since}, expected ${room.next} at most`);
    for (const { name: device, progress } of devices.values()) {
      if (progress.cursor <= room.next) continue;
      scan.found(`device ${JSON.stringify(device)} of ${name} is at sequence ${progress.cursor}, expected ${room.next} at most`);
    }
  }
}

function recounted(room: Room, scan: Scan, bytes: number): Write {
  room.bytes = bytes + scan.placedBytes;
  const missingCount = room.published - room.expired - (room.next - room.head);
  room.expired += Math.max(0, missingCount);
  room.published += Math.max(0, -missingCount);
  return { key: keys.roomStateKey(room.number), value: packRoomState(room) };
}
