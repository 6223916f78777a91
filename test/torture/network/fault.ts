import type { Random } from "../../simulation/random.js";

export type Direction = "toServer" | "toClient";

/** What networks do to a connection. */
export type Fault = {
  /** After so long it is over. */
  readonly lastsMs: number;
  readonly directions: readonly Direction[];
} & (
  | {
      readonly kind: "delays";
      /** How long the next chunk is held back; those behind it wait for it. */
      holdMs(): number;
    }
  | { readonly kind: "resets" }
  /** Of the next chunk such a part is passed on, 0 to 1; then the connection is cut. */
  | { readonly kind: "truncations"; readonly part: number }
  /** Nothing is passed on, not even that a side is gone; then the connection is cut. */
  | { readonly kind: "black holes" }
  | { readonly kind: "drips"; readonly bytes: number; readonly everyMs: number }
);

export type FaultKind = Fault["kind"];

export const FAULT_KINDS = ["delays", "resets", "truncations", "black holes", "drips"] as const satisfies FaultKind[];

const HOLD_MS_MAX = 100;
/** Not as long as a server waits for an answer, so that a client hears of what the server gave up well before others have its messages. */
const LASTS_MS_MAX = 250;
/** Longer than both sides of a round wait for each other, some of the time. */
const HOLE_MS_MAX = 1_000;
const DRIP_BYTES_MAX = 16;
const DRIP_MS_MAX = 5;

type Directions = readonly Direction[];
const WAYS: readonly [Directions, Directions, Directions] = [["toServer"], ["toClient"], ["toServer", "toClient"]];

export function drawFault(random: Random): Fault {
  const kind = random.pick(FAULT_KINDS);
  const directions = random.pick(WAYS);
  switch (kind) {
    case "delays":
      return { kind, directions, lastsMs: random.between(50, LASTS_MS_MAX), holdMs: () => random.between(1, HOLD_MS_MAX) };
    case "resets":
      return { kind, directions, lastsMs: 0 };
    case "truncations":
      return { kind, directions, lastsMs: LASTS_MS_MAX, part: random.next() };
    case "black holes":
      return { kind, directions, lastsMs: random.between(50, HOLE_MS_MAX) };
    case "drips": {
      const drip = { bytes: random.between(1, DRIP_BYTES_MAX), everyMs: random.between(1, DRIP_MS_MAX) };
      return { kind, directions, lastsMs: random.between(50, LASTS_MS_MAX), ...drip };
    }
    default:
      return kind satisfies never;
  }
}
