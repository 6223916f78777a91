import { LIMITS } from "holdfast-client/protocol";
import { Block } from "../core/block.js";
import { unpackDue } from "../core/due-list.js";
import { NO_MARK, packMark } from "../core/due-mark.js";
import { unpackHeld } from "../core/held-message.js";
import * as keys from "../core/keys.js";
import { newListOf } from "../core/priority-level.js";
import { packState, type Queue } from "../core/queue.js";
import { NEVER } from "../core/timing.js";
import { entriesOf } from "../engines/pages.js";
import type { Entry, Write } from "../store.js";
import type { Examined } from "./finding.js";
import { type Scan, whyNot } from "./scan.js";

/** The highest number that a due list may have. */
const LAST_LIST = newListOf(LIMITS.priorityMax);

/** Counts of a queue, as its state says and as a scan of all its entries finds them. */
interface Counted {
  messages: number;
  bytes: number;
  due: number;
  held: number;
  delayed: number;
  delayedBytes: number;
}

/** How far what the scan finds goes. The state has to be beyond that, or it is of an earlier time, or lost. */
interface Reached {
  /** One past the highest sequence, and order number. */
  next: number;
  order: number;
  /** Of the last block of the log. */
  crc: number;
  /** Something may expire. */
  expires: boolean;
}

/** Looks through everything that a queue has; its state was restored, if there is one. */
export async function scanQueue(queue: Queue, scan: Scan): Promise<{ readonly examined: Examined; readonly writes: readonly Write[] }> {
  const found: Counted = { messages: 0, bytes: 0, due: 0, held: 0, delayed: 0, delayedBytes: 0 };
  const reached: Reached = { next: 1, order: 1, crc: queue.lastCrc, expires: false };
  const head = await scanLog(queue, scan, found, reached);
  await scanBitmaps(queue, scan);
  await scanDue(queue, scan, found, reached);
  await scanHeld(queue, scan, found, reached);
  await scanDelayed(queue, scan, found, reached);
  found.messages += found.due + found.held + found.delayed;
  found.bytes += found.delayedBytes;
  compareReached(queue, scan, reached);
  compare(queue, scan, found, head);
  const { namespace, name } = queue;
  const { messages, bytes } = found;
  const examined: Examined = { kind: "queue", namespace, name, blocks: scan.blocks, messages, bytes, findings: scan.findings.length };
  return { examined, writes: scan.findings.some(({ mend }) => mend !== undefined) ? [recounted(queue, found, head, reached)] : [] };
}

/** Returns the lowest sequence of the log that is not settled, or its end. */
async function scanLog(queue: Queue, scan: Scan, found: Counted, reached: Reached): Promise<number> {
  let head: number | undefined;
  for await (const { first, end, block, why, broken } of scan.log(queue.number, queue.next)) {
    const deletes = [keys.blockKey(queue.number, first), keys.settledKey(queue.number, first)].map((key) => ({ key, value: undefined }));
    reached.next = Math.max(reached.next, block?.end ?? first + 1);
    if (block === undefined) {
      scan.found(
        `the block with sequences ${first} to ${end - 1} is damaged: ${why}`,
        `takes it out: those of ${first} to ${end - 1} that were not settled are lost`,
        deletes,
      );
      continue;
    }
    reached.crc = block.crc;
    reached.expires ||= block.expires;
    if (broken)
      scan.found(`the block at ${first} does not continue the one before it: an older form of one of them came back, or one was changed`);
    if (block.end <= queue.purgedBelow) continue;
    const bitmap = await scan.get(keys.settledKey(queue.number, first));
    if (bitmap !== undefined) block.restoreBitmap(bitmap);
    for (let index = 0; index < block.count; index++) {
      if (block.first + index < queue.purgedBelow || block.isSettled(index)) continue;
      head ??= first;
      found.messages++;
      found.bytes += block.stop(index) - block.start(index);
    }
  }
  return head ?? queue.next;
}

async function scanBitmaps(queue: Queue, scan: Scan): Promise<void> {
  const range = { from: keys.settledKey(queue.number, 0), to: keys.settledKey(queue.number, keys.POSITIONS_END) };
  for await (const [key] of entriesOf(scan.snapshot, range)) {
    const first = keys.positionOf(key);
    if (first < queue.purgedBelow || (await scan.get(keys.blockKey(queue.number, first))) !== undefined) continue;
    scan.found(
      `there is a bitmap of a block at ${first}, but no such block: it is missing, or all of it was settled`,
      "deletes the bitmap",
      [{ key, value: undefined }],
    );
  }
}

async function scanDue(queue: Queue, scan: Scan, found: Counted, reached: Reached): Promise<void> {
  const known = new Set([0, ...queue.levels.lists.map(({ number }) => number)]);
  for (let list = 0; list <= LAST_LIST; list++) {
    for await (const entry of entriesOf(scan.snapshot, keys.dueRange(queue.number, list))) {
      if (!known.has(list)) {
        known.add(list);
        const mark = { key: keys.listKey(queue.number, list), value: packMark(NO_MARK) };
        scan.found(`due list ${list} has messages, and nothing says that it is there`, "says it", [mark]);
      }
      const place = keys.duePlaceOf(entry[0]);
      reached.order = Math.max(reached.order, place.order + 1);
      takeEntry(scan, entry, `a message that waits for ${place.due} in due list ${list}`, () => {
        const { message, record } = unpackDue(place, entry[1]);
        reached.next = Math.max(reached.next, message.sequence + 1);
        reached.expires ||= message.expireAt !== NEVER;
        if (message.sequence < queue.purgedBelow) return;
        found.due++;
        found.bytes += record.length;
      });
    }
  }
}

async function scanHeld(queue: Queue, scan: Scan, found: Counted, reached: Reached): Promise<void> {
  for await (const entry of entriesOf(scan.snapshot, keys.heldRange(queue.number))) {
    const { rank } = keys.heldOf(entry[0]);
    takeEntry(scan, entry, `the held message with sequence ${rank.sequence}`, () => {
      const { record, message } = unpackHeld(rank, entry[1]);
      reached.next = Math.max(reached.next, rank.sequence + 1);
      reached.expires ||= message.expireAt !== NEVER;
      if (rank.sequence < queue.purgedBelow) return;
      found.held++;
      found.bytes += record.length;
    });
  }
}

async function scanDelayed(queue: Queue, scan: Scan, found: Counted, reached: Reached): Promise<void> {
  for await (const entry of entriesOf(scan.snapshot, keys.delayedRange(queue.number))) {
    const first = keys.delayedFirstOf(entry[0]);
    takeEntry(scan, entry, `the block of delayed messages from sequence ${first} on`, () => {
      const block = Block.unpack(entry[1]);
      reached.next = Math.max(reached.next, block.end);
      reached.expires ||= block.expires;
      scan.blocks++;
      if (first < queue.purgedBelow) return;
      found.delayed += block.count;
      found.delayedBytes += block.records.length;
    });
  }
}

/** Counts an entry, unless that fails because it is damaged. */
function takeEntry(scan: Scan, [key, value]: Entry, what: string, take: () => void): void {
  try {
    take();
  } catch (error) {
    scan.found(`${what} is damaged: ${whyNot(value, error)}`, "takes it out: it is lost", [{ key, value: undefined }]);
  }
}

/** No number is given twice. */
function compareReached(queue: Queue, scan: Scan, { next, order }: Reached): void {
  if (next > queue.next)
    scan.found(`sequence ${next - 1} is in use, expected below ${queue.next}, the next one to be given`, `gives ${next} next`);
  if (order > queue.nextOrder)
    scan.found(`place ${order - 1} of its due lists is in use, expected below ${queue.nextOrder}, the next one`, `gives ${order} next`);
}

/** Promise C1: what the state says equals the scan, and adds up. */
function compare(queue: Queue, scan: Scan, found: Counted, head: number): void {
  const said = saidOf(queue);
  const damaged = scan.findings.length > 0;
  for (const field of Object.keys(said) as (keyof Counted)[]) {
    if (said[field] === found[field]) continue;
    const why = damaged ? " (with what is damaged not counted)" : "";
    scan.found(
      `its state says ${NAMES[field]} ${said[field]}, a scan of all entries finds ${found[field]}${why}`,
      "writes what the scan found",
    );
  }
  if (head < queue.cursor)
    scan.found(
      `messages from sequence ${head} on are not settled, but it begins at ${queue.cursor}: they would not be delivered`,
      `lets it begin at ${head}`,
    );
  const { published, redriven, dead, acked, expired, purged } = queue.counts;
  const [came, went] = [published + redriven, queue.live + dead + acked + expired + purged];
  if (came !== went) {
    scan.found(
      `${came} messages came and ${went} are there or went: its counts do not add up`,
      "counts the difference as purged, or as published",
    );
  }
}

const NAMES: Readonly<Record<keyof Counted, string>> = {
  messages: "messages:",
  bytes: "bytes:",
  due: "messages in due lists:",
  held: "held messages:",
  delayed: "delayed messages:",
  delayedBytes: "bytes of delayed messages:",
};

const saidOf = (queue: Queue): Counted => ({
  messages: queue.live,
  bytes: queue.bytes,
  due: queue.dueCount,
  held: queue.heldCount,
  delayed: queue.delays.count,
  delayedBytes: queue.delays.bytes,
});

/** The state with what was found. What is lost counts as purged, so that the counts add up. */
function recounted(queue: Queue, found: Counted, head: number, reached: Reached): Write {
  if (reached.next > queue.next) {
    queue.next = reached.next;
    queue.lastCrc = reached.crc;
  }
  queue.nextOrder = Math.max(queue.nextOrder, reached.order);
  queue.expires ||= reached.expires;
  queue.live = found.messages;
  queue.bytes = found.bytes;
  queue.dueCount = found.due;
  queue.heldCount = found.held;
  queue.delays.count = found.delayed;
  queue.delays.bytes = found.delayedBytes;
  queue.cursor = Math.min(queue.cursor, head);
  const { counts } = queue;
  const missing = counts.published + counts.redriven - (queue.live + counts.dead + counts.acked + counts.expired + counts.purged);
  counts.purged += Math.max(0, missing);
  counts.published += Math.max(0, -missing);
  return { key: keys.stateKey(queue.number), value: packState(queue) };
}
