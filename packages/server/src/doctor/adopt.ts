import { LIMITS } from "holdfast-client/protocol";
import type { Catalog } from "../core/catalog.js";
import * as keys from "../core/keys.js";
import type { RoomCatalog } from "../core/rooms/room-catalog.js";
import { entriesOf } from "../engines/pages.js";
import type { QueueOptions } from "../options.js";
import type { KeyRange, StoreSnapshot } from "../store.js";
import type { Finding } from "./finding.js";
import { numbersIn } from "./numbers.js";

/** Queues without a definition are found again here. */
const NAMESPACE = "/";

type Snapshot = Pick<StoreSnapshot, "read">;

/**
 * Gives queues a definition whose own is lost, and their name and options with it: what they have is kept under another name, paused,
 * until somebody has looked at it. What a removed queue has left is to be cleared, and a room is not made anew.
 */
export async function adopt(snapshot: Snapshot, queues: Catalog, rooms: RoomCatalog): Promise<Finding[]> {
  const others = new Set<number>();
  for (const { number } of rooms.all()) others.add(number);
  for (const range of [keys.kindRange.removed, keys.kindRange.roomStates, keys.kindRange.members]) {
    for await (const [key] of entriesOf(snapshot, range)) others.add(keys.queueOf(key));
  }
  const findings: Finding[] = [];
  for (const number of await numbersIn(snapshot, [keys.kindRange.states, ...keys.messageRanges(0)])) {
    if (queues.numbered(number) !== undefined || others.has(number)) continue;
    findings.push(await adoptOne(snapshot, queues, number));
  }
  return findings;
}

async function adoptOne(snapshot: Snapshot, queues: Catalog, number: number): Promise<Finding> {
  const name = freeName(queues, number);
  const options = await optionsFor(snapshot, number);
  const value = Buffer.from(JSON.stringify({ namespace: NAMESPACE, name, options, paused: true }), "utf8");
  queues.restoreDefinition(number, value);
  const schedules = { from: keys.scheduleKey(number, ""), to: keys.schedulesEnd(number) };
  const goOn = (await hasAny(snapshot, schedules)) ? "; its schedules go on" : "";
  return {
    what: `the definition of queue ${number} is lost, with its name and its options, and what it has is there`,
    mend: `makes it queue ${name} of ${NAMESPACE}, paused, with ordering ${JSON.stringify(options.ordering)}${goOn}`,
    writes: [{ key: keys.definitionKey(number), value }],
  };
}

function freeName(queues: Catalog, number: number): string {
  let name = `recovered-${number}`;
  while (queues.find({ namespace: NAMESPACE, queue: name }) !== undefined) name += "-again";
  return name;
}

/** Nothing of it is out of attempts, and the order is as strict as it may have been. */
async function optionsFor(snapshot: Snapshot, number: number): Promise<Partial<QueueOptions>> {
  const ordering = await orderingOf(snapshot, number);
  return { ordering, maxAttempts: 0, ...(ordering === "none" && { priorities: LIMITS.priorityMax + 1 }) };
}

async function orderingOf(snapshot: Snapshot, number: number): Promise<QueueOptions["ordering"]> {
  // Only an order has held messages, and only its lack has lists of what is due.
  let isHeld = false;
  for await (const [key] of entriesOf(snapshot, keys.heldRange(number))) {
    if (keys.heldOf(key).key !== "") return "key";
    isHeld = true;
  }
  if (isHeld) return "fifo";
  for (const range of keys.dueRanges(number)) if (await hasAny(snapshot, range)) return "none";
  return "fifo";
}

const hasAny = async (snapshot: Snapshot, range: KeyRange): Promise<boolean> =>
  (await snapshot.read({ ...range, entriesMax: 1, bytesMax: 1 })).length > 0;
