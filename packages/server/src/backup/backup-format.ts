import { crc32 } from "node:zlib";
import { HoldfastError } from "holdfast-client/protocol";
import type { Entry } from "../store.js";

/**
 * The file of a backup. It is sections one after the other, each
 *
 *      0 u32 "HFBH" header, "HFBP" page, "HFBT" trailer
 *      4 u32 CRC-32 of all that follows in the section
 *      8 u32 bytes of the content     12 the content
 *
 * The header, once: u16 version of this form, u16 format version of the store, u48 when (ms), u8 length and version of the
 * program. A page: u32 count of entries, and for each u16 bytes of the key, u32 bytes of the value, key, value; keys rise
 * from page to page. The trailer, once, at the end: u48 count of entries, u48 bytes of all sections before it.
 */
const BACKUP_VERSION = 1;
export const SECTION_HEADER_BYTES = 12;

const KINDS = { header: 0x48424648, page: 0x50424648, trailer: 0x54424648 } as const;
type Kind = keyof typeof KINDS;

/** No section that this program writes comes near it: what says more is damaged. */
const CONTENT_BYTES_MAX = 64 * 1024 * 1024;

/** What a backup says of itself. */
export interface BackupHeader {
  /** Of the store that it was made of: see `FORMAT_VERSION`. */
  readonly storeVersion: number;
  /** When, in milliseconds since 1970. */
  readonly at: number;
  /** Of the program that made it. */
  readonly program: string;
}

export interface BackupTotals {
  readonly entries: number;
  readonly bytes: number;
}

export type Section =
  | ({ readonly kind: "header" } & BackupHeader)
  | { readonly kind: "page"; readonly entries: readonly Entry[] }
  | ({ readonly kind: "trailer" } & BackupTotals);

function section(kind: Kind, content: readonly Uint8Array[]): Buffer {
  const start = Buffer.alloc(SECTION_HEADER_BYTES);
  const bytes = Buffer.concat([start, ...content]);
  bytes.writeUInt32LE(KINDS[kind], 0);
  bytes.writeUInt32LE(bytes.length - SECTION_HEADER_BYTES, 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
  return bytes;
}

export function packHeader({ storeVersion, at, program }: BackupHeader): Buffer {
  const text = Buffer.from(program, "utf8");
  const fixed = Buffer.alloc(11);
  fixed.writeUInt16LE(BACKUP_VERSION, 0);
  fixed.writeUInt16LE(storeVersion, 2);
  fixed.writeUIntLE(at, 4, 6);
  fixed.writeUInt8(text.length, 10);
  return section("header", [fixed, text]);
}

export function packPage(entries: readonly Entry[]): Buffer {
  const count = Buffer.alloc(4);
  count.writeUInt32LE(entries.length);
  const parts: Uint8Array[] = [count];
  for (const [key, value] of entries) {
    const lengths = Buffer.alloc(6);
    lengths.writeUInt16LE(key.length, 0);
    lengths.writeUInt32LE(value.length, 2);
    parts.push(lengths, key, value);
  }
  return section("page", parts);
}

export function packTrailer({ entries, bytes }: BackupTotals): Buffer {
  const content = Buffer.alloc(12);
  content.writeUIntLE(entries, 0, 6);
  content.writeUIntLE(bytes, 6, 6);
  return section("trailer", [content]);
}

/** How many bytes follow the section header that `start` begins with; undefined when it begins with none. */
export function contentBytesOf(start: Buffer): number | undefined {
  const isKnown = Object.values(KINDS).some((magic) => magic === start.readUInt32LE(0));
  const bytes = start.readUInt32LE(8);
  return isKnown && bytes <= CONTENT_BYTES_MAX ? bytes : undefined;
}

/** Reads a whole section; fails with what is wrong with it. `at` is where it lies in the file. */
export function unpackSection(bytes: Buffer, at: number): Section {
  if (crc32(bytes.subarray(8)) !== bytes.readUInt32LE(4)) throw damagedBackup(`the CRC of the section at byte ${at} does not match`);
  const content = bytes.subarray(SECTION_HEADER_BYTES);
  switch (bytes.readUInt32LE(0)) {
    case KINDS.header:
      return unpackHeader(content);
    case KINDS.page:
      return { kind: "page", entries: unpackEntries(content) };
    default:
      return { kind: "trailer", entries: content.readUIntLE(0, 6), bytes: content.readUIntLE(6, 6) };
  }
}

function unpackHeader(content: Buffer): Section {
  const version = content.readUInt16LE(0);
  if (version > BACKUP_VERSION) {
    throw new HoldfastError("BAD_REQUEST", `the backup has version ${version}, this program reads versions up to ${BACKUP_VERSION}`);
  }
  const program = content.toString("utf8", 11, 11 + content.readUInt8(10));
  return { kind: "header", storeVersion: content.readUInt16LE(2), at: content.readUIntLE(4, 6), program };
}

function unpackEntries(content: Buffer): Entry[] {
  const entries: Entry[] = [];
  for (let at = 4, left = content.readUInt32LE(0); left > 0; left--) {
    const keyAt = at + 6;
    const valueAt = keyAt + content.readUInt16LE(at);
    at = valueAt + content.readUInt32LE(keyAt - 4);
    entries.push([content.subarray(keyAt, valueAt), content.subarray(valueAt, at)]);
  }
  return entries;
}

export const damagedBackup = (what: string): HoldfastError => new HoldfastError("BAD_REQUEST", `the backup is damaged: ${what}`);
