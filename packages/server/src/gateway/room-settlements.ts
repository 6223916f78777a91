import { HoldfastError, LIMITS } from "holdfast-client/protocol";
import type { RoomSettleRun } from "../room-engine.js";
import { preview } from "../validate.js";

/** Settlements of one frame. */
const SETTLEMENTS_MAX = 1_024;
/** Messages of one settlement; no device is given as many at a time. */
const COUNT_MAX = 65_535;
const SEQUENCE_MAX = 0xffff_ffff_ffff;

const isWhole = (value: unknown, min: number, max: number): value is number =>
  Number.isInteger(value) && (value as number) >= min && (value as number) <= max;

/**
 * What a client settles of rooms: `[room, first, count]` is an ack, with a fourth item, a delay or null, a nack. Runs by
 * the number of the room, in the order they came.
 */
export function readRoomSettlements(frame: readonly unknown[]): ReadonlyMap<number, readonly RoomSettleRun[]> {
  if (frame.length === 0 || frame.length > SETTLEMENTS_MAX) {
    const code = frame.length === 0 ? "BAD_REQUEST" : "TOO_LARGE";
    throw new HoldfastError(code, `malformed frame: ${frame.length} settlements, expected 1 to ${SETTLEMENTS_MAX}`);
  }
  const runs = new Map<number, RoomSettleRun[]>();
  for (const [index, settlement] of frame.entries()) {
    const { room, run } = readSettlement(settlement, index);
    const known = runs.get(room);
    if (known === undefined) runs.set(room, [run]);
    else known.push(run);
  }
  return runs;
}

function readSettlement(settlement: unknown, index: number): { readonly room: number; readonly run: RoomSettleRun } {
  if (!Array.isArray(settlement) || settlement.length < 3 || settlement.length > 4) {
    throw malformed(index, "", settlement, "[room, first, count] or [room, first, count, delayMs]");
  }
  const [room, first, count, delayMs] = settlement as readonly unknown[];
  if (!isWhole(room, 0, SEQUENCE_MAX)) throw malformed(index, "room", room, "the number of a room");
  if (!isWhole(first, 0, SEQUENCE_MAX)) throw malformed(index, "first", first, "a sequence");
  if (!isWhole(count, 1, COUNT_MAX)) throw malformed(index, "count", count, `1 to ${COUNT_MAX}`);
  if (settlement.length === 3) return { room, run: { first, count, verb: "ack" } };
  if (delayMs === null) return { room, run: { first, count, verb: "nack" } };
  if (!isWhole(delayMs, 0, LIMITS.delayMsMax)) throw malformed(index, "delayMs", delayMs, `0 to ${LIMITS.delayMsMax}, or null`);
  return { room, run: { first, count, verb: "nack", delayMs } };
}

const malformed = (index: number, part: string, received: unknown, expected: string): HoldfastError =>
  new HoldfastError(
    "BAD_REQUEST",
    `malformed frame: settlement ${index}${part && `, ${part}`} is ${preview(received)}, expected ${expected}`,
  );
