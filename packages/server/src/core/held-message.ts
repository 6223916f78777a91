import { crc32 } from "node:zlib";
import { HoldfastError } from "holdfast-client/protocol";
import type { Rank } from "./rank.js";
import { type Times, timesOf } from "./timing.js";

/** The due time of a message that holds its key until somebody skips or retries it. */
export const BLOCKED = 0xffff_ffff_ffff;

/**
 * A message of an ordered queue with a store entry of its own, because it was delivered before, or because too many of
 * its key wait to be remembered in memory. Entries are in the order of key and rank.
 */
export interface HeldMessage extends Rank, Times {
  /** It has an entry of its own. */
  readonly block?: undefined;
  /** Not leased before this time; {@link BLOCKED}: not at all. */
  readonly due: number;
  /** Deliveries that counted so far. */
  readonly attempts: number;
  readonly publishedAt: number;
  /** Bytes of its record. */
  readonly size: number;
  /** Why the last delivery failed, when the consumer said so. */
  readonly reason: string | undefined;
}

/** What makes one, beside what its record says. */
export type HeldFields = Omit<HeldMessage, "block" | "size" | keyof Times>;

/**
 * An entry's value:
 *
 *     0 u8 format version   1 u8 0   2 u16 length of the reason   4 u32 CRC-32 of all that follows
 *     8 u32 attempts        12 u48 published at (ms)              18 u48 due
 *    24 the reason, then the record
 */
const VERSION = 1;
const HEADER_BYTES = 24;

export function packHeld(message: HeldMessage, record: Uint8Array): Buffer {
  const reason = Buffer.from(message.reason ?? "", "utf8");
  const value = Buffer.allocUnsafe(HEADER_BYTES + reason.length + record.length);
  value.writeUInt16LE(VERSION, 0);
  value.writeUInt16LE(reason.length, 2);
  value.writeUInt32LE(message.attempts, 8);
  value.writeUIntLE(message.publishedAt, 12, 6);
  value.writeUIntLE(message.due, 18, 6);
  value.set(reason, HEADER_BYTES);
  value.set(record, HEADER_BYTES + reason.length);
  value.writeUInt32LE(crc32(value.subarray(8)), 4);
  return value;
}

export function unpackHeld({ sequence }: Rank, stored: Uint8Array): { message: HeldMessage; record: Uint8Array } {
  const value = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  if (value.length < HEADER_BYTES || value.readUInt16LE(0) !== VERSION || crc32(value.subarray(8)) !== value.readUInt32LE(4)) {
    throw new HoldfastError("ENGINE_UNAVAILABLE", `held message ${sequence} is damaged: its CRC or version does not match`);
  }
  const recordStart = HEADER_BYTES + value.readUInt16LE(2);
  const record = value.subarray(recordStart);
  const reason = value.toString("utf8", HEADER_BYTES, recordStart);
  const publishedAt = value.readUIntLE(12, 6);
  const { expireAt, since } = timesOf(record, publishedAt);
  const message: HeldMessage = {
    expireAt,
    since,
    sequence,
    due: value.readUIntLE(18, 6),
    attempts: value.readUInt32LE(8),
    publishedAt,
    size: record.length,
    reason: reason === "" ? undefined : reason,
  };
  return { message, record };
}
