import type { QueueAddress } from "../../engine.js";
import { takeAll } from "../../take-all.js";
import type { Fed } from "../append.js";
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

/** Adds messages to a queue and returns how many of them it took; undefined when there is no such queue. */
export type Feed = (address: QueueAddress, messages: Fed, now: number) => number | undefined;

/** Messages that retention removed before a queue had room for them. */
export interface Overtaken {
  readonly room: Room;
  readonly queue: string;
  readonly from: number;
  readonly to: number;
}

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
  #overtaken: Overtaken[] = [];
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

  /** What queues missed since this was last asked. */
  takeOvertaken(): readonly Overtaken[] {
    const overtaken = this.#overtaken;
    this.#overtaken = [];
    return overtaken;
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
      const missed = { from: progress.cursor, to: room.head - 1 };
      addRange(device.failed, missed);
      this.#overtaken.push({ room, queue: member.who.queue ?? "", ...missed });
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
    const { expires } = block;
    // A time to live counts from the emit, in the queue too.
    const records = expires ? withLessTtl(stored, Math.max(0, now - block.publishedAt)) : stored;
    const { namespace } = member.room;
    const count = to - from;
    const taken = this.#host.feed({ namespace, queue: member.who.queue ?? "" }, { records, count, expires }, now);
    if (taken === undefined) return false;
    if (taken > 0) {
      progress.jump(first + taken);
      this.#host.moved(device);
    }
    return taken === count;
  }
}

/** One past the messages from `sequence` on that the member gets, as far as the block goes. */
function stretchOf(block: StoredBlock, member: number, sequence: number, now: number): number {
  if (block.excluded === undefined && !block.expires) return block.end;
  let end = sequence;
  while (end < block.end && !block.isExcluded(member, end) && !block.isExpired(end, now)) end++;
  return end;
}
