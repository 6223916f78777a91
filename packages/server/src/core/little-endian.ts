/*
 * Numbers in bytes, lowest byte first. A DataView does the same, but is an object of its own, which costs more than all
 * that is read of a small block.
 */

export const u32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0;

export const u48 = (bytes: Uint8Array, at: number): number =>
  u32(bytes, at) + ((bytes[at + 4] ?? 0) | ((bytes[at + 5] ?? 0) << 8)) * 0x1_0000_0000;
