import { Catalog, FORMAT_VERSION } from "../core/catalog.js";
import { CommitBuilder } from "../core/commit.js";
import * as keys from "../core/keys.js";
import { RoomCatalog } from "../core/rooms/room-catalog.js";
import { LIVES, packMeta, parseMeta, readMeta } from "../engines/meta.js";
import { entriesOf } from "../engines/pages.js";
import type { KeyRange, StoreSnapshot, Write } from "../store.js";
import { adopt } from "./adopt.js";
import type { Examination, Examined, Finding } from "./finding.js";
import { numbersIn } from "./numbers.js";
import { scanQueue } from "./queue-scan.js";
import { scanRoom } from "./room-scan.js";
import { messageOf, Scan } from "./scan.js";

/** Where each queue and room has something. */
const EVERY_KIND = [keys.kindRange.definitions, keys.kindRange.states, keys.kindRange.rooms, ...keys.contentRanges(0)];

/** Looks through all that a store has. `ENGINE_UNAVAILABLE` when it is of a newer format. */
export async function examine(snapshot: Pick<StoreSnapshot, "read">): Promise<Omit<Examination, "journalRecords">> {
  const whole = new Scan(snapshot, "");
  const stored = await whole.get(keys.metaKey);
  const isSaid = stored !== undefined && parseMeta(stored) !== undefined;
  if (!isSaid && (await numbersIn(snapshot, EVERY_KIND)).size === 0) {
    const findings: Finding[] = [
      { what: "the store has no entry that says its format, and none of a queue or room: it is empty, or not of Holdfast" },
    ];
    return { version: undefined, examined: [], findings, writes: [] };
  }
  const meta = isSaid ? readMeta(stored) : { version: FORMAT_VERSION, life: 0, nextQueue: 1 };
  const commit = new CommitBuilder();
  const queues = new Catalog(commit, meta.life, 0);
  const rooms = new RoomCatalog(queues, commit);
  const findings = await restoreAll(snapshot, queues, rooms);
  const examined: Examined[] = [];
  const writes: Write[] = findings.flatMap((finding) => finding.writes ?? []);
  const add = (scan: Scan, scanned: { readonly examined: Examined; readonly writes: readonly Write[] }): void => {
    examined.push(scanned.examined);
    findings.push(...scan.findings);
    for (const finding of scan.findings) writes.push(...(finding.writes ?? []));
    writes.push(...scanned.writes);
  };
  /** What LevelDB itself cannot read ends the look at that queue or room alone. */
  const tried = async ({ of }: Scan, look: () => Promise<void>): Promise<void> => {
    await look().catch((error: unknown) => findings.push({ of, what: `not all of it could be read: ${messageOf(error)}` }));
  };
  let highest = 0;
  for (const queue of queues.all()) {
    highest = Math.max(highest, queue.number);
    const scan = new Scan(snapshot, `queue ${queue.name} of ${queue.namespace}`);
    await tried(scan, async () => add(scan, await scanQueue(queue, scan)));
  }
  for (const room of rooms.all()) {
    highest = Math.max(highest, room.number);
    const what = room.target.user === undefined ? "room" : "inbox of";
    const scan = new Scan(snapshot, `${what} ${room.name} of ${room.namespace}`);
    await tried(scan, async () => add(scan, await scanRoom(room, scan)));
  }
  // What one that was removed has left is cleared by its number.
  for await (const [key] of entriesOf(snapshot, keys.kindRange.removed)) highest = Math.max(highest, keys.queueOf(key));
  const lone: Finding[] = [];
  for (const number of await orphans(snapshot, queues, rooms)) {
    highest = Math.max(highest, number);
    lone.push({
      what: `there are entries of number ${number}, but no queue or room has that number`,
      mend: "marks them to be cleared: what they hold is lost",
      writes: [{ key: keys.removedKey(number), value: Buffer.of(1) }],
    });
  }
  if (!isSaid || highest >= meta.nextQueue) {
    // Which lives there were is not known either.
    const anew = { ...meta, life: Math.floor(Math.random() * LIVES), nextQueue: highest + 1 };
    lone.push({
      what: isSaid
        ? `number ${highest} is in use, expected below ${meta.nextQueue}, the next one to be given`
        : "what the store says of its format, its life and the next number to be given is lost",
      mend: isSaid ? `gives ${anew.nextQueue} next, and another life` : `says it anew, with format version ${anew.version}`,
      writes: [{ key: keys.metaKey, value: packMeta(anew) }],
    });
  }
  for (const finding of lone) {
    findings.push(finding);
    writes.push(...(finding.writes ?? []));
  }
  return { version: isSaid ? meta.version : undefined, examined, findings, writes };
}

/** Reads what defines queues and rooms, one entry after the other: what cannot be read is a finding. */
async function restoreAll(snapshot: Pick<StoreSnapshot, "read">, queues: Catalog, rooms: RoomCatalog): Promise<Finding[]> {
  const findings: Finding[] = [];
  const { kindRange, queueOf } = keys;
  const logOf = (key: Uint8Array) => queues.numbered(queueOf(key)) ?? rooms.numbered(queueOf(key));
  const steps: readonly [what: string, range: KeyRange, take: (key: Uint8Array, value: Uint8Array) => void][] = [
    ["definition of room", kindRange.rooms, (key, value) => rooms.restoreDefinition(queueOf(key), value)],
    ["definition of queue", kindRange.definitions, (key, value) => queues.restoreDefinition(queueOf(key), value)],
    ["state of queue", kindRange.states, (key, value) => queues.restoreState(queueOf(key), value)],
    ["due list of queue", kindRange.lists, (key, value) => queues.restoreList(queueOf(key), keys.listOf(key), value)],
    ["purge of queue", kindRange.purged, (key, value) => queues.restorePurged(queueOf(key), value)],
    ["state of room", kindRange.roomStates, (key, value) => rooms.restoreState(queueOf(key), value)],
    ["members of room", kindRange.members, (key, value) => rooms.restoreMembers(queueOf(key), value)],
    // As if none was over: each is read.
    ["producers of", kindRange.producers, (key, value) => queues.restoreProducer(logOf(key), keys.producerOf(key), value, 0)],
    ["ids of", kindRange.ids, (key, value) => queues.restoreIds(logOf(key), keys.positionOf(key), value, 0)],
  ];
  for (const [what, range, take] of steps) {
    for await (const [key, value] of entriesOf(snapshot, range)) {
      try {
        take(key, value);
      } catch (error) {
        findings.push({ what: `the ${what} ${queueOf(key)} cannot be read: ${messageOf(error)}` });
      }
    }
    if (range === kindRange.definitions) findings.push(...(await adopt(snapshot, queues, rooms)));
  }
  return findings;
}

/** Numbers that entries have and no queue or room, nor one that was removed and is still to be cleared. */
async function orphans(snapshot: Pick<StoreSnapshot, "read">, queues: Catalog, rooms: RoomCatalog): Promise<ReadonlySet<number>> {
  const known = new Set<number>();
  for (const { number } of [...queues.all(), ...rooms.all()]) known.add(number);
  for await (const [key] of entriesOf(snapshot, keys.kindRange.removed)) known.add(keys.queueOf(key));
  const lost = await numbersIn(snapshot, keys.contentRanges(0));
  for (const number of known) lost.delete(number);
  return lost;
}
