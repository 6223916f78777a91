import type { RoomRef, RoomTarget } from "../../room-engine.js";
import type { RoomOptions } from "../../room-options.js";
import type { RoomWatchKind } from "../../room-watching.js";
import type { KeyRange } from "../../store.js";
import { BLOCK_BYTES_MAX } from "../block.js";
import * as keys from "../keys.js";
import { LogState } from "../log-state.js";
import type { Wake } from "../time-heap.js";
import { CachedBlocks } from "./block-cache.js";
import type { Deadline } from "./deadlines.js";
import type { Device } from "./device.js";
import type { ExcludedRun, Exclusion } from "./exclusion.js";
import type { Member } from "./member.js";
import type { StoredBlock } from "./room-block.js";

/** How long a room remembers ids that the application chose. */
const ROOM_DEDUP_MS = 600_000;

/** Members whose devices are stored in one value. */
const CHUNK_MEMBERS = 32;

const chunkOf = (member: number): number => Math.floor(member / CHUNK_MEMBERS);

/** What was emitted since the last commit: it becomes a block. */
export interface PendingBlock {
  readonly first: number;
  count: number;
  bytes: number;
  readonly records: Uint8Array[];
  readonly publishedAt: number;
  /** Some of them may expire. */
  expires: boolean;
  /** Who does not get which of them. */
  readonly excluded: ExcludedRun[];
}

/** The first block of a room, as far as retention has to know it. */
export interface HeadBlock {
  readonly first: number;
  readonly end: number;
  readonly publishedAt: number;
  readonly size: number;
  readonly offsets: Uint32Array;
}

/**
 * A durable room, or the inbox of a user: a log that every member reads at its own pace. Retention alone removes from it,
 * at its head.
 */
export class Room extends LogState {
  /** Many pages emit to a room, each as a producer of its own; the ids that they had without one are remembered as long. */
  readonly producerIdleMinMs = ROOM_DEDUP_MS;
  readonly dedupWindowMs = ROOM_DEDUP_MS;
  readonly target: RoomTarget;
  readonly ref: RoomRef;
  options: RoomOptions;
  definitionDirty = true;
  stateDirty = true;

  /** The lowest sequence that it has, and the first one of the block where that lies. */
  head = 1;
  headFirst = 1;
  /** When the block at the head was published; says nothing while the room is empty. */
  headPublishedAt = 0;
  headBlock: HeadBlock | undefined;
  /** Of the records from the head on. */
  bytes = 0;
  published = 0;
  expired = 0;

  nextMember = 1;
  readonly #members = new Map<number, Member>();
  readonly #byKey = new Map<string, Member>();
  /** Chunks of members to be written with the next commit. */
  readonly dirtyChunks = new Set<number>();
  /** Devices with a session. */
  readonly live = new Set<Device>();
  /** Cursors that feed queues. */
  readonly feeds = new Set<Device>();

  /** Emitted and not in a block yet; several when one grew too large. */
  pending: PendingBlock[] = [];
  /** Packed and not durable yet. */
  fresh: StoredBlock[] = [];
  readonly cached = new CachedBlocks();
  /** Devices that wait for a block to be read. */
  readonly waiting = new Set<Device>();
  /** When retention looks at its head next. */
  age: Wake<Deadline> | undefined;
  removed = false;
  /** What is told of it: nothing, as nearly always. */
  watched: Set<RoomWatchKind> | undefined;

  /** @param seed for the hashes of ids */
  constructor(number: number, namespace: string, target: RoomTarget, options: RoomOptions, seed: number) {
    super(number, namespace, target.user ?? target.room, seed);
    this.target = target;
    this.ref = { number, target };
    this.options = options;
  }

  get members(): ReadonlyMap<number, Member> {
    return this.#members;
  }

  find(key: string): Member | undefined {
    return this.#byKey.get(key);
  }

  add(member: Member): void {
    this.#members.set(member.number, member);
    this.#byKey.set(member.key, member);
    this.nextMember = Math.max(this.nextMember, member.number + 1);
    this.changed(member);
  }

  delete(member: Member): void {
    this.#members.delete(member.number);
    this.#byKey.delete(member.key);
    this.changed(member);
  }

  /** The member is to be stored with the next commit of the room. */
  changed(member: Member): void {
    this.dirtyChunks.add(chunkOf(member.number));
  }

  /** Puts records at the end and returns the first one's sequence. */
  store(records: Uint8Array, count: number, expires: boolean, exclusion: Exclusion | undefined, now: number): number {
    const first = this.next;
    let pending = this.pending.at(-1);
    // A block has one time of publish, which does not matter to the millisecond unless a time to live counts from it.
    const merges = pending !== undefined && (pending.publishedAt === now || !(expires || pending.expires));
    if (pending === undefined || !merges || pending.bytes >= BLOCK_BYTES_MAX) {
      pending = { first, count: 0, bytes: 0, records: [], publishedAt: now, expires: false, excluded: [] };
      this.pending.push(pending);
    }
    pending.records.push(records);
    pending.count += count;
    pending.bytes += records.length;
    pending.expires ||= expires;
    if (exclusion !== undefined) pending.excluded.push({ first, count, exclusion });
    this.next += count;
    this.bytes += records.length;
    this.published += count;
    return first;
  }

  override drainedRanges(): KeyRange[] {
    return [keys.rangeBelow(keys.blockKey, this.number, this.headFirst)];
  }

  membersOf(chunk: number): Member[] {
    const members: Member[] = [];
    for (let number = chunk * CHUNK_MEMBERS; number < (chunk + 1) * CHUNK_MEMBERS; number++) {
      const member = this.#members.get(number);
      if (member !== undefined) members.push(member);
    }
    return members;
  }
}

const STATE_VERSION = 1;
const numbersOf = (room: Room): number[] => [
  room.next,
  room.head,
  room.headFirst,
  room.headPublishedAt,
  room.bytes,
  room.published,
  room.expired,
  room.nextMember,
];

/** The room's state record: version, CRC of the last block, positions and counts. */
export function packRoomState(room: Room): Buffer {
  const numbers = numbersOf(room);
  const state = Buffer.alloc(6 + numbers.length * 6);
  state.writeUInt16LE(STATE_VERSION, 0);
  state.writeUInt32LE(room.lastCrc, 2);
  for (const [index, value] of numbers.entries()) state.writeUIntLE(value, 6 + index * 6, 6);
  return state;
}

/** Takes the state that a life before this one left. */
export function restoreRoomState(room: Room, stored: Uint8Array): void {
  const state = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const numbers: number[] = [];
  for (let at = 6; at + 6 <= state.length; at += 6) numbers.push(state.readUIntLE(at, 6));
  const [next = 1, head = 1, headFirst = 1, headPublishedAt = 0, bytes = 0, published = 0, expired = 0, nextMember = 1] = numbers;
  room.lastCrc = state.readUInt32LE(2);
  room.next = room.durableNext = next;
  Object.assign(room, { head, headFirst, headPublishedAt, bytes, published, expired, nextMember });
  room.stateDirty = false;
}
