import type { Operation } from "./events.js";

/** What requests cost of an allowance. The unit is about a message in a frame; a plain event takes the server ten times as long. */
const EVENT_UNITS = 10;
/** Answered from the store: up to a page of messages. */
const LOOK_UNITS = 100;
const SETTLEMENTS_A_UNIT = 16;
/** About what takes as long to be parsed, checked and written anew. */
const BYTES_A_UNIT = 1_024;
/** Nothing costs more, so nothing more is looked at. */
export const BYTES_COUNTED_MAX = 2_097_152;

const UNITS = {
  "holdfast:hello": EVENT_UNITS,
  // A signature is checked.
  "holdfast:authenticate": LOOK_UNITS,
  "holdfast:publish": EVENT_UNITS,
  "holdfast:consume": EVENT_UNITS,
  "holdfast:settle": EVENT_UNITS,
  "holdfast:cancel": EVENT_UNITS,
  "holdfast:define": EVENT_UNITS,
  "holdfast:delete": LOOK_UNITS,
  "holdfast:list": LOOK_UNITS,
  "holdfast:stats": EVENT_UNITS,
  "holdfast:peek": LOOK_UNITS,
  "holdfast:key": EVENT_UNITS,
  "holdfast:dead": LOOK_UNITS,
  "holdfast:purge": LOOK_UNITS,
  "holdfast:pause": EVENT_UNITS,
  "holdfast:resume": EVENT_UNITS,
  "holdfast:redrive": LOOK_UNITS,
  "holdfast:schedule": EVENT_UNITS,
  "holdfast:join": EVENT_UNITS,
  "holdfast:leave": EVENT_UNITS,
  "holdfast:emit": EVENT_UNITS,
  "holdfast:receipts": LOOK_UNITS,
  "holdfast:add": EVENT_UNITS,
  "holdfast:remove": EVENT_UNITS,
  "holdfast:members": LOOK_UNITS,
  "holdfast:presence": LOOK_UNITS,
  "holdfast:history": LOOK_UNITS,
  "holdfast:disconnect": LOOK_UNITS,
  "holdfast:revoke": LOOK_UNITS,
  "holdfast:restore": LOOK_UNITS,
  "holdfast:backup": LOOK_UNITS,
} as const satisfies Record<Operation, number>;

/** Units of a plain request, by its payload as it came, of so many bytes. */
export const unitsOf = (operation: Operation, payload: unknown, bytes: number): number =>
  Math.max(countedUnits(operation, payload), unitsOfBytes(bytes));

function countedUnits(operation: Operation, payload: unknown): number {
  const units = UNITS[operation];
  if (typeof payload !== "object" || payload === null) return units;
  if (operation === "holdfast:publish" && "messages" in payload && Array.isArray(payload.messages)) return units + payload.messages.length;
  if (operation === "holdfast:settle" && "settlements" in payload && Array.isArray(payload.settlements))
    return units + unitsOfSettlements(payload.settlements.length);
  return units;
}

export const unitsOfBytes = (bytes: number): number => Math.floor(bytes / BYTES_A_UNIT);

export const unitsOfSettlements = (count: number): number => Math.ceil(count / SETTLEMENTS_A_UNIT);
