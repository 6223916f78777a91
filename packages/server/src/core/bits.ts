/** Bits by number; without any, all are 0. */
export const hasBit = (bits: Uint8Array | undefined, index: number): boolean =>
  bits !== undefined && ((bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;

/** Sets one of `count` bits. */
export function withBit(bits: Uint8Array | undefined, count: number, index: number): Uint8Array {
  const all = bits ?? new Uint8Array((count + 7) >> 3);
  all[index >> 3] = (all[index >> 3] ?? 0) | (1 << (index & 7));
  return all;
}

export function clearBit(bits: Uint8Array | undefined, index: number): void {
  if (bits !== undefined) bits[index >> 3] = (bits[index >> 3] ?? 0) & ~(1 << (index & 7));
}
