import { readdirSync } from "node:fs";
import type { Entry, Write } from "../../../store.js";
import { MemoryStore } from "../../memory/memory-store.js";
import { DiskBlobDirectory } from "./blob-directory.js";
import { type BlobBase, BlobStore, type BlobStoreOptions } from "./blob-store.js";

export const BLOB_BYTES_MIN = 50;
export const FILE_BYTES = 1_000;
export const ALL = { from: Buffer.of(0x01), to: Buffer.of(0xff), entriesMax: 1_000, bytesMax: 10_000_000 };

/** What is below lives on when the store is opened anew, and does not share what the caller overwrites later. */
export class TestBase extends MemoryStore implements BlobBase {
  failure: Error | undefined;
  /** What a write of large values waits for once it was applied. */
  applied: Promise<void> = Promise.resolve();

  override async write(writes: readonly Write[]): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    await super.write(writes.map(({ key, value }) => ({ key, value: value && Buffer.from(value) })));
    if (writes.some(({ key }) => key[0] === 0x20)) await this.applied;
  }

  async getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return keys.map((key) => this.get(key));
  }
}

/** A store with small files in a directory, open. */
export async function openedBlobs(path: string, base: BlobBase, options: Partial<BlobStoreOptions> = {}): Promise<BlobStore> {
  const store = new BlobStore({
    base,
    directory: new DiskBlobDirectory(path, FILE_BYTES),
    isLarge: (key) => key[0] === 0x20,
    blobBytesMin: BLOB_BYTES_MIN,
    ...options,
  });
  await store.open();
  return store;
}

export const large = (number: number): Buffer => Buffer.of(0x20, number);
export const put = (key: Buffer, bytes: number, fill = key[1] ?? 0): Write => ({ key, value: Buffer.alloc(bytes, fill) });
export const gone = (key: Buffer): Write => ({ key, value: undefined });
export const shown = (entries: readonly Entry[]): string[] => entries.map(([key, value]) => `${key[1]}: ${value.length} x ${value[0]}`);
export const blobFiles = (path: string): string[] =>
  readdirSync(path)
    .filter((name) => name.startsWith("blobs-"))
    .sort();
