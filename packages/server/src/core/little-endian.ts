/*
 * Numbers in bytes, lowest byte first. A DataView does the same, but is an object of its own, which costs more than all
 * that is read of a small block; the methods of a Buffer check more than is needed here.
 */

export const u16 = (bytes: Uint8Array, at: number): number => (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);

export const u32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0;

export const u48 = (bytes: Uint8Array, at: number): number =>
  u32(bytes, at) + ((bytes[at + 4] ?? 0) | ((bytes[at + 5] ?? 0) << 8)) * 0x1_0000_0000;

export function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

export function putU48(bytes: Uint8Array, at: number, value: number): void {
  putU32(bytes, at, value);
  const high = Math.floor(value / 0x1_0000_0000);
  bytes[at + 4] = high;
  bytes[at + 5] = high >>> 8;
}
