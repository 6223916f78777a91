import { type ErrorReply, type ReceiptRun, RecordView } from "holdfast-client/protocol";
import type { EmitRequest } from "../../room-engine.js";
import { addRun, beginProducer, conflict, gapAfter, idsFull, isPlain, knownProducer, limitError } from "../append.js";
import { hashRecord, type RecordHash } from "../id-index.js";
import type { Producer } from "../producer.js";
import { expireAtOf, NEVER } from "../timing.js";
import type { Exclusion } from "./exclusion.js";
import type { Room } from "./room.js";

/** A room that gets a message, and the members that do not. */
export interface EmitTarget {
  readonly room: Room;
  readonly exclusion: Exclusion | undefined;
}

interface Fate {
  readonly sequence: number;
  readonly duplicate: boolean;
  readonly error?: ErrorReply | undefined;
}

/**
 * Takes messages into the next block of each room, and tells each one's fate in each.
 *
 * @throws HoldfastError when the producer's numbers may not come now; then nothing changed
 */
export function emitTo(targets: readonly EmitTarget[], request: EmitRequest, now: number): ReceiptRun[][] {
  const { count, records } = request;
  for (const { room } of targets) knownProducer(room, request);
  const producers = targets.map(({ room }) => beginProducer(room, request, now));
  const firstNumber = request.producer?.firstNumber ?? 0;
  const runs = targets.map((): ReceiptRun[] => []);
  if (isPlain(records, count, undefined) && producers.every((producer) => producer === undefined || producer.next === firstNumber)) {
    for (const [index, { room, exclusion }] of targets.entries()) {
      const sequence = room.store(records, count, false, exclusion, now);
      addRun(runs[index] ?? [], count, sequence, false);
      producers[index]?.note(count, sequence);
    }
    return runs;
  }
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  let at = 0;
  for (let index = 0; index < count; index++) {
    const end = at + view.getUint32(at, true);
    const fates = emitOne(targets, producers, firstNumber + index, records.subarray(at, end), now);
    for (const [target, { sequence, duplicate, error }] of fates.entries()) addRun(runs[target] ?? [], 1, sequence, duplicate, error);
    const refused = fates.some(({ error }) => error?.retryable === true);
    if (refused && request.producer !== undefined) {
      const left = count - index - 1;
      for (const run of runs) if (left > 0) addRun(run, left, 0, false, gapAfter(firstNumber + index));
      break;
    }
    at = end;
  }
  return runs;
}

/** Stores one message in all rooms that do not know it, or in none of them. */
function emitOne(
  targets: readonly EmitTarget[],
  producers: readonly (Producer | undefined)[],
  number: number,
  bytes: Uint8Array,
  now: number,
): Fate[] {
  const record = new RecordView(bytes, 0, bytes.length);
  const hash = record.chosenId ? hashRecord(record) : undefined;
  const known = producers.map((producer) => producer?.fateOf(number));
  const limit = limitError(record);
  const fates = targets.map(({ room }, index): Fate | undefined => {
    const fate = known[index];
    if (fate !== undefined) return { sequence: fate.sequence, duplicate: true, error: fate.error };
    if (limit !== undefined) return { sequence: 0, duplicate: false, error: limit };
    return hash === undefined ? undefined : remembered(room, record, hash, now);
  });
  const error = fates.find((fate, index) => known[index] === undefined && fate?.error !== undefined)?.error;
  return targets.map((target, index) => {
    const before = known[index] === undefined ? undefined : fates[index];
    if (before !== undefined) return before;
    const fate = error === undefined ? (fates[index] ?? storeOne(target, bytes, hash, now)) : { sequence: 0, duplicate: false, error };
    if (fate.error?.retryable !== true) producers[index]?.note(1, fate.sequence, fate.error);
    return fate;
  });
}

/** What the room knows of a chosen id; undefined when it can be stored. */
function remembered(room: Room, record: RecordView, hash: RecordHash, now: number): Fate | undefined {
  const known = room.ids.known(hash, now, room.dedupWindowMs);
  if (known === undefined)
    return room.ids.hasRoomFor(1, now, room.dedupWindowMs) ? undefined : { sequence: 0, duplicate: false, error: idsFull() };
  if (!known.isSame) return { sequence: 0, duplicate: false, error: conflict(record) };
  return { sequence: known.sequence, duplicate: true };
}

function storeOne({ room, exclusion }: EmitTarget, bytes: Uint8Array, hash: RecordHash | undefined, now: number): Fate {
  const sequence = room.store(bytes, 1, expireAtOf(bytes, 0, now) !== NEVER, exclusion, now);
  if (hash !== undefined) room.ids.add(hash, sequence, now);
  return { sequence, duplicate: false };
}
