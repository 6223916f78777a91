import type { KeyRange } from "../store.js";
import type { DuePlace } from "./due-mark.js";
import type { Rank } from "./rank.js";

/**
 * The layout of the store. Queues are numbered, so that no name from outside is ever part of a key.
 *
 *     01                               format, life, next queue number (JSON)
 *     10 queue                         namespace, name, options (JSON)
 *     11 queue                         state: positions and counts
 *     12 queue list                    how far the list of messages with a priority above 0 was leased
 *     20 queue first-sequence          block: the messages of one commit
 *     21 queue first-sequence          which messages of that block are settled (bitmap)
 *     22 queue due-time order          one message that waits for a time or was delivered before
 *     23 queue key sequence            one message of an ordered queue: delivered before, or one of too many of its key
 *     24 queue sequence                such a message is in flight
 *     25 queue list due-time order     as 22, with a priority above 0; messages never delivered have lists of their own
 *     26 queue due-time sequence       delayed messages of one commit, not in the log yet: a block
 *     27 queue time kind sequence      something of that time or before expires: in a block, a due list, or a chain
 *     30 queue producer                what a producer stored last
 *     31 queue commit                  ids that the application chose, with hashes
 *     40 queue                         removed queue whose entries are being cleared
 *     41 queue                         purged queue: messages below this sequence are being cleared
 *     50 queue name                    schedule: pattern, next time and counts (JSON)
 *     51 queue name                    the message that it publishes
 *     60 room                          namespace, name or user, options (JSON)
 *     61 room                          state: positions and counts
 *     62 room chunk                    some of its members, with their devices
 *
 * Rooms are numbered with the queues, and have their blocks, producers and ids under the same kinds.
 */
const META = 0x01;
const DEFINITION = 0x10;
const STATE = 0x11;
const LIST = 0x12;
const BLOCK = 0x20;
const SETTLED = 0x21;
const DUE = 0x22;
const HELD = 0x23;
const HELD_LEASED = 0x24;
const RAISED = 0x25;
const DELAYED = 0x26;
const EXPIRY = 0x27;
const PRODUCER = 0x30;
const IDS = 0x31;
const REMOVED = 0x40;
const PURGED = 0x41;
const SCHEDULE = 0x50;
const SCHEDULED = 0x51;
const ROOM = 0x60;
const ROOM_STATE = 0x61;
const MEMBERS = 0x62;

/** One above the largest sequence, time or commit number that a key can hold. */
export const POSITIONS_END = 0xffff_ffff_ffff;

/** All that the core writes. */
export const EVERYTHING: KeyRange = { from: Buffer.of(META), to: Buffer.of(0xff) };

/** Of a kind and a queue number. */
const PREFIX_BYTES = 5;

const keyOfQueue = (prefix: number, queue: number, extraBytes = 0): Buffer => {
  const key = Buffer.allocUnsafe(PREFIX_BYTES + extraBytes);
  key[0] = prefix;
  putU32(key, 1, queue);
  return key;
};

const keyOfPosition = (prefix: number, queue: number, position: number): Buffer => {
  const key = keyOfQueue(prefix, queue, 6);
  const high = Math.floor(position / 0x1_0000_0000);
  key[5] = high >>> 8;
  key[6] = high;
  putU32(key, 7, position);
  return key;
};

/** Highest byte first, so that keys are in the order of their numbers. By hand: each message takes several keys. */
function putU32(key: Buffer, at: number, value: number): void {
  key[at] = value >>> 24;
  key[at + 1] = value >>> 16;
  key[at + 2] = value >>> 8;
  key[at + 3] = value;
}

export const metaKey = Buffer.of(META);
export const definitionKey = (queue: number): Buffer => keyOfQueue(DEFINITION, queue);
export const stateKey = (queue: number): Buffer => keyOfQueue(STATE, queue);
export const roomKey = (room: number): Buffer => keyOfQueue(ROOM, room);
export const roomStateKey = (room: number): Buffer => keyOfQueue(ROOM_STATE, room);
export const membersKey = (room: number, chunk: number): Buffer => keyOfPosition(MEMBERS, room, chunk);
export const blockKey = (queue: number, first: number): Buffer => keyOfPosition(BLOCK, queue, first);
export const settledKey = (queue: number, first: number): Buffer => keyOfPosition(SETTLED, queue, first);
export const idsKey = (queue: number, commit: number): Buffer => keyOfPosition(IDS, queue, commit);
export const removedKey = (queue: number): Buffer => keyOfQueue(REMOVED, queue);
export const purgedKey = (queue: number): Buffer => keyOfQueue(PURGED, queue);

export function listKey(queue: number, list: number): Buffer {
  const key = keyOfQueue(LIST, queue, 1);
  key[5] = list;
  return key;
}

/** The number of the list in a key of its mark, or of one of its messages. */
export const listOf = (key: Uint8Array): number => key[5] ?? 0;

export function dueKey(queue: number, { list, due, order }: DuePlace): Buffer {
  const at = list === 0 ? 5 : 6;
  const key = keyOfQueue(list === 0 ? DUE : RAISED, queue, at + 12 - PREFIX_BYTES);
  if (list > 0) key[5] = list;
  key.writeUIntBE(due, at, 6);
  key.writeUIntBE(order, at + 6, 6);
  return key;
}

export function duePlaceOf(stored: Uint8Array): DuePlace {
  const key = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const isRaised = key[0] === RAISED;
  const at = isRaised ? 6 : 5;
  return { list: isRaised ? listOf(key) : 0, due: key.readUIntBE(at, 6), order: key.readUIntBE(at + 6, 6) };
}

export function delayedKey(queue: number, due: number, first: number): Buffer {
  const key = keyOfQueue(DELAYED, queue, 12);
  key.writeUIntBE(due, 5, 6);
  key.writeUIntBE(first, 11, 6);
  return key;
}

export const delayedRange = (queue: number): { from: Buffer; to: Buffer } => ({
  from: keyOfQueue(DELAYED, queue),
  to: keyOfQueue(DELAYED, queue + 1),
});

/** The first sequence in a key of delayed messages; their due time is its position. */
export const delayedFirstOf = (key: Uint8Array): number => Buffer.from(key.buffer, key.byteOffset, key.byteLength).readUIntBE(11, 6);

/** What an entry of the expiry index is about. */
export const EXPIRES_IN = { block: 0, due: 1, held: 2 } as const;

export function expiryKey(queue: number, at: number, kind: number, sequence: number): Buffer {
  const key = keyOfQueue(EXPIRY, queue, 13);
  key.writeUIntBE(at, 5, 6);
  key[11] = kind;
  key.writeUIntBE(sequence, 12, 6);
  return key;
}

export const expiryRange = (queue: number): { from: Buffer; to: Buffer } => ({
  from: keyOfQueue(EXPIRY, queue),
  to: keyOfQueue(EXPIRY, queue + 1),
});

/** What an entry of the expiry index is about, and its sequence: that of a message, or the first of a block. */
export function expiryOf(stored: Uint8Array): { at: number; kind: number; sequence: number } {
  const key = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  return { at: key.readUIntBE(5, 6), kind: key[11] ?? 0, sequence: key.readUIntBE(12, 6) };
}

/** All keys of one ordering key. Its length comes first, so that none is the beginning of another. */
const chainPrefix = (queue: number, key: string): Buffer => {
  const text = Buffer.from(key, "utf8");
  const length = Buffer.allocUnsafe(2);
  length.writeUInt16BE(text.length);
  return Buffer.concat([keyOfQueue(HELD, queue), length, text]);
};

export function heldKey(queue: number, key: string, { sequence }: Rank): Buffer {
  const rank = Buffer.allocUnsafe(6);
  rank.writeUIntBE(sequence, 0, 6);
  return Buffer.concat([chainPrefix(queue, key), rank]);
}

/** The end of what is held of one ordering key. */
export const heldEnd = (queue: number, key: string): Buffer => Buffer.concat([chainPrefix(queue, key), Buffer.alloc(7, 0xff)]);

/** The ordering key and the rank in a key of a held message. */
export function heldOf(stored: Uint8Array): { key: string; rank: Rank } {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const rankAt = bytes.length - 6;
  return {
    key: bytes.toString("utf8", 7, rankAt),
    rank: { sequence: bytes.readUIntBE(rankAt, 6) },
  };
}

export const heldLeasedKey = (queue: number, sequence: number): Buffer => keyOfPosition(HELD_LEASED, queue, sequence);

export const heldRange = (queue: number): { from: Buffer; to: Buffer } => ({
  from: keyOfQueue(HELD, queue),
  to: keyOfQueue(HELD, queue + 1),
});

const keyOfName = (prefix: number, queue: number, name: string): Buffer => {
  const key = keyOfQueue(prefix, queue, Buffer.byteLength(name));
  key.write(name, PREFIX_BYTES);
  return key;
};

export const producerKey = (queue: number, producer: string): Buffer => keyOfName(PRODUCER, queue, producer);

export const scheduleKey = (queue: number, name: string): Buffer => keyOfName(SCHEDULE, queue, name);
/** The message of a schedule, apart from what every occurrence changes. */
export const scheduledKey = (queue: number, name: string): Buffer => keyOfName(SCHEDULED, queue, name);
export const scheduleNameOf = (key: Uint8Array): string => Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("utf8", 5);

/** The end of a queue's schedules. */
export const schedulesEnd = (queue: number): Buffer => keyOfQueue(SCHEDULE, queue + 1);

export const queueOf = (key: Uint8Array): number => Buffer.from(key.buffer, key.byteOffset, key.byteLength).readUInt32BE(1);

/** The beginning of what follows, of the same kind, the queue that the key is of. */
export function afterQueue(key: Uint8Array): Buffer {
  const number = queueOf(key);
  return number === 0xffff_ffff ? Buffer.of((key[0] ?? 0) + 1) : keyOfQueue(key[0] ?? 0, number + 1);
}

/** The first position in a key: a block's first sequence, a due time, a commit. */
export function positionOf(key: Uint8Array): number {
  let position = 0;
  for (let at = 5; at < 11; at++) position = position * 256 + (key[at] ?? 0);
  return position;
}

export const producerOf = (key: Uint8Array): string => Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("utf8", 5);

/** Whether what the key has is a block: messages of one commit, with a CRC. */
export const isBlockKey = (key: Uint8Array): boolean => key[0] === BLOCK || key[0] === DELAYED;

/** Every key of a kind, over all queues. */
export const kindRange = {
  definitions: { from: Buffer.of(DEFINITION), to: Buffer.of(DEFINITION + 1) },
  states: { from: Buffer.of(STATE), to: Buffer.of(STATE + 1) },
  lists: { from: Buffer.of(LIST), to: Buffer.of(LIST + 1) },
  heldLeased: { from: Buffer.of(HELD_LEASED), to: Buffer.of(HELD_LEASED + 1) },
  producers: { from: Buffer.of(PRODUCER), to: Buffer.of(PRODUCER + 1) },
  ids: { from: Buffer.of(IDS), to: Buffer.of(IDS + 1) },
  removed: { from: Buffer.of(REMOVED), to: Buffer.of(REMOVED + 1) },
  purged: { from: Buffer.of(PURGED), to: Buffer.of(PURGED + 1) },
  schedules: { from: Buffer.of(SCHEDULE), to: Buffer.of(SCHEDULE + 1) },
  rooms: { from: Buffer.of(ROOM), to: Buffer.of(ROOM + 1) },
  roomStates: { from: Buffer.of(ROOM_STATE), to: Buffer.of(ROOM_STATE + 1) },
  members: { from: Buffer.of(MEMBERS), to: Buffer.of(MEMBERS + 1) },
} as const;

/** What a queue or room has of each of these kinds. */
const rangesOf = (prefixes: readonly number[], number: number): { from: Buffer; to: Buffer }[] =>
  prefixes.map((prefix) => ({ from: keyOfQueue(prefix, number), to: keyOfQueue(prefix, number + 1) }));

/** Every range that holds entries of a queue beside its definition and state. */
export const contentRanges = (queue: number): { from: Buffer; to: Buffer }[] =>
  rangesOf([LIST, BLOCK, SETTLED, DUE, HELD, HELD_LEASED, RAISED, DELAYED, EXPIRY, PRODUCER, IDS, SCHEDULE, SCHEDULED, MEMBERS], queue);

/** Every range that holds messages of a queue, or of a room. */
export const messageRanges = (number: number): { from: Buffer; to: Buffer }[] => rangesOf([BLOCK, DUE, HELD, RAISED, DELAYED], number);

/** All due lists of a queue. */
export const dueRanges = (queue: number): { from: Buffer; to: Buffer }[] => rangesOf([DUE, RAISED], queue);

/** What a queue or room has of a kind before a sequence. */
export const rangeBelow = (key: (number: number, sequence: number) => Uint8Array, number: number, sequence: number): KeyRange => ({
  from: key(number, 0),
  to: key(number, sequence),
});

/** The entries of a due list. */
export function dueRange(queue: number, list: number): { from: Buffer; to: Buffer } {
  if (list === 0) return { from: keyOfQueue(DUE, queue), to: keyOfQueue(DUE, queue + 1) };
  const [from, to] = [keyOfQueue(RAISED, queue, 1), keyOfQueue(RAISED, queue, 1)];
  from[5] = list;
  to[5] = list + 1;
  return { from, to };
}
