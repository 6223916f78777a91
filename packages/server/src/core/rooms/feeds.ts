import type { ReceiptRun } from "holdfast-client/protocol";
import { takeAll } from "../../take-all.js";
import { withLessTtl } from "../timing.js";
import type { Deadlines } from "./deadlines.js";
import type { Device } from "./device.js";
import { addRange } from "./ranges.js";
import type { Room } from "./room.js";
import type { StoredBlock } from "./room-block.js";

/** What one turn moves into one queue at most. */
const BYTES_PER_TURN = 256 * 1024;
/** A queue that took nothing is tried again after this long. */
const RETRY_MS = 1_000;

/** Appends to a queue, with as much as fits; undefined when there is no such queue. */
export type Feed = (namespace: string, queue: string, records: Uint8Array, count: number, now: number) => readonly ReceiptRun[] | undefined;

/** What feeding asks of the rooms. */
export interface FeedHost {
  readonly feed: Feed;
  /** The cursor moved: it is stored in the commit that has what it passed. */
  moved(device: Device): void;
  /** A block has to be read. */
  want(device: Device): void;
}

/**
 * Moves the messages of rooms into the queues that are members: cursor and append in one commit, so that each gets there
 * once. A queue that is full lags behind and is tried again.
 */
export class Feeds {
  readonly #host: FeedHost;
  readonly #deadlines: Deadlines;
  readonly #due = new Set<Device>();
  readonly #lagging = new Set<Device>();
  /** Nothing is fed while the disk is full. */
  held = false;

  constructor(host: FeedHost, deadlines: Deadlines) {
    this.#host = host;
    this.#deadlines = deadlines;
  }

  /** The room has something for its queues. */
  wake(room: Room): void {
    for (const device of room.feeds) this.due(device);
  }

  due(device: Device): void {
    if (!this.#lagging.has(device)) this.#due.add(device);
  }

  forget(device: Device): void {
    this.#due.delete(device);
    this.#lagging.delete(device);
  }

  /** Those that lagged are tried again. */
  retry(): void {
    for (const device of takeAll(this.#lagging)) this.#due.add(device);
  }

  /** One turn for each that has something; the next one follows with the next commit. */
  run(now: number): void {
    for (const device of takeAll(this.#due)) {
      if (device.member.gone) continue;
      if (this.held || !this.#step(device, now)) this.#lag(device, now);
    }
  }

  #lag(device: Device, now: number): void {
    this.#lagging.add(device);
    this.#deadlines.feedAt = Math.min(this.#deadlines.feedAt, now + RETRY_MS);
  }

  /** Returns false when the queue takes nothing now. */
  #step(device: Device, now: number): boolean {
    const { progress, member } = device;
    const { room } = member;
    if (progress.cursor < room.head) {
      addRange(device.failed, { from: progress.cursor, to: room.head - 1 });
      progress.jump(room.head);
      this.#host.moved(device);
    }
    for (let bytes = 0; bytes < BYTES_PER_TURN && progress.cursor < room.durableNext; ) {
      const block = room.cached.find(progress.cursor);
      if (block === undefined) {
        this.#host.want(device);
        return true;
      }
      const end = stretchOf(block, member.number, progress.cursor, now);
      if (end === progress.cursor) {
        if (block.isExpired(end, now)) addRange(device.failed, { from: end, to: end });
        progress.jump(progress.cursor + 1);
        this.#host.moved(device);
        continue;
      }
      bytes += block.bytesOf(progress.cursor - block.first, end - block.first);
      if (!this.#move(device, block, end, now)) return false;
    }
    if (progress.cursor < room.durableNext) this.#due.add(device);
    return true;
  }

  /** Moves the messages from the cursor to `end`; false when the queue is full. */
  #move(device: Device, block: StoredBlock, end: number, now: number): boolean {
    const { progress, member } = device;
    const first = progress.cursor;
    const [from, to] = [first - block.first, end - block.first];
    const stored = block.bytes.subarray(block.offsets[from], block.offsets[to]);
    // A time to live counts from the emit, in the queue too.
    const records = block.expires ? withLessTtl(stored, Math.max(0, now - block.publishedAt)) : stored;
    const runs = this.#host.feed(member.room.namespace, member.who.queue ?? "", records, to - from, now);
    if (runs === undefined) return false;
    let sequence = first;
    let full = false;
    for (const { count, error } of runs) {
      full = error?.retryable === true;
      if (full) break;
      if (error !== undefined) addRange(device.failed, { from: sequence, to: sequence + count - 1 });
      sequence += count;
    }
    if (sequence > first) {
      progress.jump(sequence);
      this.#host.moved(device);
    }
    return !full;
  }
}

/** One past the messages from `sequence` on that the member gets, as far as the block goes. */
function stretchOf(block: StoredBlock, member: number, sequence: number, now: number): number {
  if (block.excluded === undefined && !block.expires) return block.end;
  let end = sequence;
  while (end < block.end && !block.isExcluded(member, end) && !block.isExpired(end, now)) end++;
  return end;
}
