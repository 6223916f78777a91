import { Fields } from "../fields.js";
import { maskedCrc32c } from "../logs/crc32c.js";

/** What follows a block: how it is packed (0 here: not at all), and a CRC of both. */
export const TRAILER_BYTES = 5;

/** Where a block of a table is, without what follows it. */
export interface BlockPlace {
  readonly at: number;
  readonly bytes: number;
}

export interface BlockEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

export function isWhole(table: Buffer, { at, bytes }: BlockPlace): boolean {
  const end = at + bytes;
  return end + TRAILER_BYTES <= table.length && table.readUInt32LE(end + 1) === maskedCrc32c(table.subarray(at, end + 1));
}

/** LevelDB packs the blocks of tables that its repair makes. */
export const isPacked = (table: Buffer, { at, bytes }: BlockPlace): boolean => table[at + bytes] !== 0;

/** The entries of a block that is whole. Keys leave out what they have in common with the one before. */
export function entriesOf(table: Buffer, { at, bytes }: BlockPlace): BlockEntry[] {
  const block = table.subarray(at, at + bytes);
  // After them: the places of those with whole keys, and how many these are.
  const end = block.length - 4 * (block.readUInt32LE(block.length - 4) + 1);
  const fields = new Fields(block.subarray(0, end));
  const entries: BlockEntry[] = [];
  while (fields.hasMore) {
    const [shared, own, value] = [fields.number(), fields.number(), fields.number()];
    const before = entries.at(-1)?.key.subarray(0, shared) ?? Buffer.alloc(0);
    entries.push({ key: Buffer.concat([before, fields.take(own)]), value: fields.take(value) });
  }
  return entries;
}

/** A block with what follows it, each of its entries with its whole key. */
export function packBlock(entries: readonly BlockEntry[]): Buffer {
  const parts: Buffer[] = [];
  const places: number[] = [];
  let at = 0;
  for (const { key, value } of entries) {
    const entry = Buffer.concat([varint(0), varint(key.length), varint(value.length), key, value]);
    parts.push(entry);
    places.push(at);
    at += entry.length;
  }
  // As LevelDB does, which has one even for nothing.
  const restarts = places.length === 0 ? [0] : places;
  const block = Buffer.concat([...parts, ...restarts.map(uint32), uint32(restarts.length), Buffer.of(0)]);
  return Buffer.concat([block, uint32(maskedCrc32c(block))]);
}

/** A number of seven bits a byte. */
export function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return Buffer.from([...bytes, left]);
    bytes.push((left % 128) + 128);
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
