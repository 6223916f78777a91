import type { RoomItem, RoomSettleRun } from "../../room-engine.js";
import type { Deadlines } from "./deadlines.js";
import type { Device } from "./device.js";
import { addGap, type GapReason, hasUntold, tellGaps, untellGaps } from "./gaps.js";
import type { News } from "./news.js";
import { WINDOW } from "./progress.js";
import { addRange, inRanges } from "./ranges.js";
import type { Room } from "./room.js";
import type { StoredBlock } from "./room-block.js";
import type { Session } from "./session.js";

const LEASE_MS = 30_000;
/** Deliveries of one message to one device that may end without an acknowledgement. */
const DELIVERIES_MAX = 5;
/** Of one that only comes along with another that was nacked. */
const DELIVERIES_ALONG_MAX = 4;
const NACK_MS_MIN = 100;
/**
 * The log in stretches of so many messages: a device that is far behind is sent up to the end of one, though its window may
 * end a little later. So devices come to the same places however they settle, and what was made for one serves the others.
 */
const STRETCH = 64;
const FIRST_SEQUENCE = 1;
/** One that settles nothing for so long is sent the rest of its window, too: it may wait for that. */
const REST_MS = 1_000;
/** Cursors that moved are written together, so long after the first of them. */
const TICK_MS = 100;
const NEVER = Number.POSITIVE_INFINITY;

/** Hands messages to the devices of members, each at its own pace, and takes their settlements. */
export class Deliveries {
  readonly #deadlines: Deadlines;
  readonly #news: News;
  /** Sessions that may have something to pull since this was last emptied. */
  readonly work = new Set<number>();
  /** Devices for which a block has to be read. */
  readonly wanting = new Set<Device>();
  /** Devices that needed a block to be read and have not come to the end of their room since. */
  readonly behind = new Set<Device>();
  /** Devices whose cursor moved since the last tick. */
  readonly moved = new Set<Device>();
  /** Bytes that the pull under way may still take. */
  #left = 0;

  constructor(deadlines: Deadlines, news: News) {
    this.#deadlines = deadlines;
    this.#news = news;
  }

  /** The device may have something to pull. */
  wake(device: Device): void {
    const { session } = device;
    if (session === undefined) return;
    session.ready.add(device);
    this.work.add(session.number);
  }

  /** What is known of the device changed: to be written with the next tick. */
  note(device: Device, now: number): void {
    if (device.dirty) return;
    device.dirty = true;
    this.moved.add(device);
    this.#deadlines.tickAt = Math.min(this.#deadlines.tickAt, now + TICK_MS);
  }

  // --- to the device -------------------------------------------------------------------------------------------

  pull(session: Session, bytesMax: number, now: number): RoomItem[] {
    const items: RoomItem[] = [];
    let isBehind = false;
    this.#left = bytesMax;
    for (const device of session.ready) {
      if (this.#left <= 0 && items.length > 0) break;
      const count = items.length;
      session.ready.delete(device);
      // Once more later: rooms take turns.
      if (this.#handOut(device, items, now)) session.ready.add(device);
      this.#showGaps(device, items, now);
      isBehind ||= items.length > count && isFarBehind(device);
    }
    if (items.length > 0) session.isBehind = isBehind;
    return items;
  }

  /** Returns whether it ended for the bytes' sake. */
  #handOut(device: Device, items: RoomItem[], now: number): boolean {
    const { progress } = device;
    const { room } = device.member;
    const failuresMax = failuresMaxOf(room);
    this.#overtake(device, now);
    this.#showGaps(device, items, now);
    if (progress.isDue(progress.cursor, failuresMax, now)) progress.rewind();
    if (progress.sent < room.head) {
      // What was removed before it was sent becomes a gap first.
      if (progress.sessionSent < room.head) return false;
      progress.sent = room.head;
    }
    for (;;) {
      progress.seek(failuresMax, now);
      if (progress.sent >= room.durableNext || progress.sent >= limitOf(device)) break;
      if (this.#left <= 0 && items.length > 0) return true;
      const block = room.cached.find(progress.sent);
      if (block === undefined) {
        room.waiting.add(device);
        this.wanting.add(device);
        this.behind.add(device);
        return false;
      }
      this.#handBlock(device, block, items, now);
    }
    if (progress.sent >= room.durableNext) this.behind.delete(device);
    else if (progress.sent < progress.limit) this.#withhold(device, now);
    return false;
  }

  /** The rest of the window comes when something is settled, or in a while. */
  #withhold(device: Device, now: number): void {
    if (device.restAt !== NEVER) return;
    device.restAt = now + REST_MS;
    this.#deadlines.forDevice(device);
  }

  /** Hands out a stretch of a block, or passes over one message. */
  #handBlock(device: Device, block: StoredBlock, items: RoomItem[], now: number): void {
    const { progress } = device;
    if (this.#skips(device, block, progress.sent, now)) {
      this.#skip(device, block, now);
      return;
    }
    const from = progress.sent - block.first;
    let to = Math.min(block.count, limitOf(device) - block.first);
    const redelivered = progress.sent < progress.sentMax;
    if (redelivered) to = Math.min(to, progress.sentMax - block.first);
    if (!progress.isRegular || block.excluded !== undefined || block.expires || mayBeGivenUp(device, progress.sent)) {
      let end = from + 1;
      while (end < to && this.#isNext(device, block, block.first + end, now)) end++;
      to = end;
    }
    while (to > from + 1 && block.bytesOf(from, to) > this.#left) to--;
    // A gap is told before the messages that come after it.
    this.#showGaps(device, items, now);
    items.push(block.slice(from, to, redelivered));
    this.#left -= block.bytesOf(from, to);
    progress.send(block.first + to);
    device.sentAt = now;
    if (device.leaseUntil === NEVER) device.lease(now + LEASE_MS);
    this.#deadlines.forDevice(device);
  }

  /** It goes with what is sent before it. */
  #isNext(device: Device, block: StoredBlock, sequence: number, now: number): boolean {
    const { progress, member } = device;
    if (sequence < progress.sessionSent && !progress.isDue(sequence, failuresMaxOf(member.room), now)) return false;
    return !this.#skips(device, block, sequence, now);
  }

  #skips(device: Device, block: StoredBlock, sequence: number, now: number): boolean {
    const { progress, member } = device;
    if (block.isExcluded(member.number, sequence) || block.isExpired(sequence, now) || progress.isSettled(sequence)) return true;
    if (isGivenUp(device, sequence)) return true;
    return !progress.isRegular && progress.failures(sequence) >= failuresMaxOf(member.room);
  }

  /** Passes over what is not for the device, was settled, or may not be sent any more. */
  #skip(device: Device, block: StoredBlock, now: number): void {
    const { progress, member } = device;
    const { cursor, sent } = progress;
    if (!progress.isSettled(sent)) {
      const isPassed = block.isExcluded(member.number, sent) || isGivenUp(device, sent);
      if (!isPassed) {
        // What is not too old had all its deliveries, in another session: while poison was "block", none was too many.
        this.#lose(device, sent, sent, block.isExpired(sent, now) ? "expired" : "attempts");
        this.note(device, now);
      }
      progress.settle(sent);
    }
    progress.sent = Math.max(progress.sent, sent + 1);
    if (progress.cursor > cursor) this.#moved(device, now);
  }

  /** Retention removed messages that the device has not: they become a gap, once it has nothing of before in hand. */
  #overtake(device: Device, now: number): void {
    const { progress } = device;
    const { head } = device.member.room;
    if (progress.cursor >= head || progress.front < head) return;
    const end = Math.min(head, progress.limit);
    let from = progress.cursor;
    for (let sequence = progress.cursor; sequence < end; sequence++) {
      if (!progress.isSettled(sequence)) continue;
      this.#lose(device, from, sequence - 1, "retention");
      from = sequence + 1;
    }
    this.#lose(device, from, head - 1, "retention");
    progress.jump(head);
    this.note(device, now);
  }

  #lose(device: Device, from: number, to: number, reason: GapReason): void {
    if (from > to) return;
    addGap(device.gaps, { from, to }, reason);
    addRange(device.failed, { from, to });
  }

  #showGaps(device: Device, items: RoomItem[], now: number): void {
    if (!hasUntold(device.gaps)) return;
    const { ref: room } = device.member.room;
    for (const { from, to, reason, count } of tellGaps(device.gaps)) {
      const isWhole = count === to - from + 1;
      items.push(isWhole ? { kind: "gap", room, from, to, reason } : { kind: "gap", room, from, to, reason, count });
    }
    device.gapUntil = now + LEASE_MS;
    this.#deadlines.forDevice(device);
  }

  // --- from the device -----------------------------------------------------------------------------------------

  /** Returns how many changed something. */
  settle(device: Device, runs: readonly RoomSettleRun[], now: number): number {
    const { progress } = device;
    const { cursor, front } = progress;
    const { room } = device.member;
    let changed = 0;
    for (const run of runs) {
      changed += run.verb === "ack" ? progress.acknowledge(run.first, run.count) : this.#nack(device, run, now);
    }
    if (changed > 0) {
      device.begun = true;
      this.#news.receipts(room);
    }
    this.#review(device, now);
    if (progress.cursor > cursor) this.#moved(device, now);
    // It has the next one before it: what is in hand has its time from now on.
    if (progress.front !== front) {
      device.lease(now + LEASE_MS);
      this.#deadlines.forDevice(device);
    }
    if (progress.sent < room.durableNext || progress.cursor < room.head || hasUntold(device.gaps)) this.wake(device);
    return changed;
  }

  #nack(device: Device, { first, count, delayMs }: RoomSettleRun, now: number): number {
    const { progress } = device;
    const end = Math.min(first + count, progress.sessionSent);
    let changed = 0;
    let comesAtOnce = false;
    for (let sequence = Math.max(first, progress.cursor); sequence < end; sequence++) {
      if (progress.isInHand(sequence)) progress.fail(sequence);
      // What was to come along with another may wait for a time of its own.
      else if (!progress.isRecalled(sequence) || delayMs === 0) continue;
      changed++;
      const wait = delayMs ?? Math.min(LEASE_MS, NACK_MS_MIN * 2 ** (progress.failures(sequence) - 1));
      if (wait === 0) {
        comesAtOnce = true;
        continue;
      }
      progress.postpone(sequence, now + wait);
      device.resumeAt = Math.min(device.resumeAt, now + wait);
    }
    if (changed === 0) return 0;
    if (comesAtOnce) this.#recall(device, now);
    this.note(device, now);
    this.#deadlines.forDevice(device);
    return changed;
  }

  /** The device took note of a gap. */
  settleGap(device: Device, from: number, to: number, now: number): void {
    // One that grew since is to be told as it is now.
    const at = device.gaps.findIndex((gap) => gap.told && gap.from === from && gap.to === to);
    if (at === -1) return;
    device.gaps.splice(at, 1);
    if (device.gaps.length === 0) device.gapUntil = NEVER;
    this.note(device, now);
  }

  /** What had all its deliveries is passed. */
  #review(device: Device, now: number): void {
    const { progress } = device;
    const failuresMax = failuresMaxOf(device.member.room);
    // The one at the cursor may have had them in another life.
    const end = Math.max(progress.sessionSent, progress.cursor + 1);
    for (let sequence = progress.cursor; sequence < end && !progress.isRegular; sequence++) {
      if (progress.failures(sequence) < failuresMax || progress.isSettled(sequence) || progress.isInHand(sequence)) continue;
      this.#lose(device, sequence, sequence, "attempts");
      progress.settle(sequence);
      this.#moved(device, now);
    }
  }

  /** The cursor moved. */
  #moved(device: Device, now: number): void {
    device.withhold();
    this.note(device, now);
  }

  // --- time ----------------------------------------------------------------------------------------------------

  /** A deadline of the device may be over. */
  look(device: Device, now: number): void {
    if (device.session === undefined) return;
    if (device.gapUntil <= now) {
      device.gapUntil = NEVER;
      untellGaps(device.gaps);
      this.wake(device);
    }
    if (device.restAt <= now) {
      device.restAt = NEVER;
      device.takesRest = true;
      this.wake(device);
    }
    if (device.leaseUntil <= now) {
      device.progress.expire();
      // What was sent since that lease began has 30 s, too.
      device.lease(device.sentAt + LEASE_MS);
      this.note(device, now);
      this.#again(device, now);
    } else if (device.resumeAt <= now) {
      this.#recall(device, now);
      this.#again(device, now);
    }
    this.#deadlines.forDevice(device);
  }

  /** What was nacked is sent again, and with it all that the device has not answered, from the cursor in order. */
  #recall({ progress, member }: Device, now: number): void {
    progress.recall(DELIVERIES_ALONG_MAX, failuresMaxOf(member.room), now);
  }

  #again(device: Device, now: number): void {
    device.resumeAt = device.progress.dueAfter(now);
    this.#review(device, now);
    this.wake(device);
  }

  /** The session of the device is over. `counted`: what was on its way counts a delivery. */
  end(device: Device, counted: boolean, now: number): void {
    if (counted) device.progress.failAll();
    this.#review(device, now);
    device.reset();
    device.session = undefined;
    device.lastSeen = now;
    this.wanting.delete(device);
    this.behind.delete(device);
    device.member.room.waiting.delete(device);
    this.note(device, now);
  }
}

/** Deliveries of a message that may end without an acknowledgement: it is passed then. */
const failuresMaxOf = ({ options }: Room): number => (options.poison === "block" ? NEVER : DELIVERIES_MAX);

/** More than a window is still to come: not only what it might have been sent, had it settled faster. */
const isFarBehind = ({ progress, member: { room } }: Device): boolean => room.durableNext - progress.sent > WINDOW;

/** One past the last sequence that a device may be sent now. */
function limitOf(device: Device): number {
  const { limit } = device.progress;
  return !device.takesRest && isFarBehind(device) ? limit - ((limit - FIRST_SEQUENCE) % STRETCH) : limit;
}

/** It was told as a gap, in this session or life or an earlier one, while the cursor waited below: it stays one. */
const isGivenUp = (device: Device, sequence: number): boolean => mayBeGivenUp(device, sequence) && inRanges(device.failed, sequence);

const mayBeGivenUp = ({ failed }: Device, from: number): boolean => (failed.at(-1)?.to ?? 0) >= from;
