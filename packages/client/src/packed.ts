import type { PackedBody } from "./body.js";

/** The body as it is now, whatever its owner does to it before it is sent. */
export const snapshot = (body: unknown, packed: PackedBody | undefined): unknown =>
  typeof packed === "string" ? JSON.parse(packed) : structuredClone(body);

/** About how many bytes it takes. */
export const sizeOf = (packed: PackedBody): number => (typeof packed === "string" ? packed : packed.bytes).length;
