import { LIMITS, RecordView } from "holdfast-client/protocol";
import { Block } from "../core/block.js";
import type { Catalog } from "../core/catalog.js";
import * as keys from "../core/keys.js";
import { newListOf } from "../core/priority-level.js";
import { entriesOf } from "../engines/pages.js";
import type { QueueOptions } from "../options.js";
import type { KeyRange, StoreSnapshot } from "../store.js";
import type { Finding } from "./finding.js";

/** Queues without a definition are found again here. */
const NAMESPACE = "/";

/** The highest number that a list of what is due may have. */
const LAST_LIST = newListOf(LIMITS.priorityMax);

/**
 * Gives queues a definition whose own is lost, and their name and options with it: what they have is kept under another name, paused,
 * until somebody has looked at it. What a removed queue has left is to be cleared.
 */
export async function adopt(snapshot: Pick<StoreSnapshot, "read">, queues: Catalog): Promise<Finding[]> {
  const findings: Finding[] = [];
  const removed = new Set<number>();
  for await (const [key] of entriesOf(snapshot, keys.kindRange.removed)) removed.add(keys.queueOf(key));
  for await (const [key] of entriesOf(snapshot, keys.kindRange.states)) {
    const number = keys.queueOf(key);
    if (queues.numbered(number) !== undefined || removed.has(number)) continue;
    const name = freeName(queues, number);
    const options = await optionsFor(snapshot, number);
    const value = Buffer.from(JSON.stringify({ namespace: NAMESPACE, name, options, paused: true }), "utf8");
    queues.restoreDefinition(number, value);
    findings.push({
      what: `the definition of queue ${number} is lost, with its name and its options, and what it has is there`,
      mend: `makes it queue ${name} of ${NAMESPACE}, paused, with ordering ${JSON.stringify(options.ordering)}`,
      writes: [{ key: keys.definitionKey(number), value }],
    });
  }
  return findings;
}

function freeName(queues: Catalog, number: number): string {
  let name = `recovered-${number}`;
  while (queues.find({ namespace: NAMESPACE, queue: name }) !== undefined) name += "-again";
  return name;
}

/** Nothing of it dies or is lost by itself, and the order is as strict as it may have been. */
async function optionsFor(snapshot: Pick<StoreSnapshot, "read">, number: number): Promise<Partial<QueueOptions>> {
  const ordering = await orderingOf(snapshot, number);
  return { ordering, maxAttempts: 0, ...(ordering === "none" && { priorities: LIMITS.priorityMax + 1 }) };
}

async function orderingOf(snapshot: Pick<StoreSnapshot, "read">, number: number): Promise<QueueOptions["ordering"]> {
  const first = async (range: KeyRange): Promise<readonly [Uint8Array, Uint8Array] | undefined> =>
    (await snapshot.read({ ...range, entriesMax: 1, bytesMax: 1 }))[0];
  // Only an order has held messages, and only its lack has lists of what is due.
  const held = await first(keys.heldRange(number));
  if (held !== undefined) return keys.heldOf(held[0]).key === "" ? "fifo" : "key";
  for (let list = 0; list <= LAST_LIST; list++) if ((await first(keys.dueRange(number, list))) !== undefined) return "none";
  const log = { from: keys.blockKey(number, 0), to: keys.blockKey(number, keys.POSITIONS_END) };
  const stored = (await first(log)) ?? (await first(keys.delayedRange(number)));
  return stored !== undefined && hasKey(stored[1]) ? "key" : "fifo";
}

/** Whether the first message of a block has a key. One that is damaged is found later. */
function hasKey(stored: Uint8Array): boolean {
  try {
    const { records } = Block.unpack(stored);
    return new RecordView(records, 0, records.length).sizes.keyBytes > 0;
  } catch {
    return false;
  }
}
