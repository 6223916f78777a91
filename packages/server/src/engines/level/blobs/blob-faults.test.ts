import { mkdtempSync, readdirSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { JournaledStore } from "../journal/journaled-store.js";
import { Overlays } from "../journal/overlays.js";
import { DiskBlobDirectory } from "./blob-directory.js";
import type { BlobBase, BlobStore, BlobStoreOptions } from "./blob-store.js";
import { readTallies } from "./tallies.js";
import { ALL, blobFiles, FILE_BYTES, gone, large, openedBlobs, put, shown, TestBase } from "./test-base.js";

const MARK = Buffer.of(0x01);
const EIO = Object.assign(new Error("EIO: i/o error, read"), { code: "EIO" });
const ENOSPC = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-blob-faults-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const opened = (base: BlobBase, options: Partial<BlobStoreOptions> = {}): Promise<BlobStore> => openedBlobs(directory, base, options);
const files = (): string[] => blobFiles(directory);

/** Values cannot be read while it is bad; heads of records can. */
class BadDirectory extends DiskBlobDirectory {
  isBad = false;
  failures = 0;

  override async read(file: number, target: Uint8Array, at: number): Promise<number> {
    if (!this.isBad || target.length <= 64) return super.read(file, target, at);
    this.failures++;
    throw EIO;
  }
}

/** Has room for so many bytes: as in a file system, of a write that is too long a part is written. */
class FullDirectory extends DiskBlobDirectory {
  room = Number.POSITIVE_INFINITY;
  refusals = 0;

  override async write(file: number, bytes: Uint8Array, at: number): Promise<void> {
    const fits = bytes.subarray(0, this.room);
    this.room -= fits.length;
    if (fits.length > 0) await super.write(file, fits, at);
    if (fits.length === bytes.length) return;
    this.refusals++;
    throw ENOSPC;
  }
}

describe("reading", () => {
  test("gives no bare reference while the first one is being written", async () => {
    const base = new TestBase();
    const blobs = await opened(base);
    await blobs.close();
    const store = new JournaledStore({ base: blobs, directory, fileBytes: 4_096 });
    await store.open();
    await store.write([put(MARK, 10)]);
    let finish = (): void => undefined;
    base.applied = new Promise((resolve) => {
      finish = resolve;
    });
    // Larger than a file of the journal, so it goes below at once, and no overlay hides what is there.
    const written = store.write([put(large(1), 8_000)]);
    await vi.waitFor(() => expect(base.get(large(1))).toBeDefined());
    expect(shown(await store.read({ ...ALL, from: large(0) }))).toEqual(["1: 8000 x 1"]);
    finish();
    await written;
    await store.close();
  });

  test("goes on in a snapshot that is being closed", async () => {
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    let isReading = false;
    let wasRemovedThen = false;
    class SlowDirectory extends DiskBlobDirectory {
      override async read(file: number, target: Uint8Array, at: number): Promise<number> {
        isReading = true;
        await gate;
        return super.read(file, target, at).finally(() => {
          isReading = false;
        });
      }

      override async remove(file: number): Promise<void> {
        wasRemovedThen ||= isReading;
        await super.remove(file);
      }
    }
    const store = await opened(new TestBase(), { directory: new SlowDirectory(directory, FILE_BYTES) });
    await store.write([put(large(1), 200)]);
    const snapshot = await store.snapshot();
    await store.write([gone(large(1))]);
    const read = snapshot.read(ALL);
    await vi.waitFor(() => expect(isReading).toBe(true));
    const closed = snapshot.close();
    go();
    expect(shown(await read)).toEqual(["1: 200 x 1"]);
    await closed;
    await vi.waitFor(() => expect(files()).toEqual([]));
    expect(wasRemovedThen).toBe(false);
    await store.close();
  });

  test("keeps few descriptors open, however many files one read goes through", async () => {
    const store = await opened(new TestBase());
    await store.write(Array.from({ length: 100 }, (_, number) => put(large(number), FILE_BYTES)));
    await store.read(ALL);
    const open = readdirSync("/proc/self/fd").filter((descriptor) => {
      try {
        return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(join(directory, "blobs-"));
      } catch {
        return false; // That of the listing itself.
      }
    });
    expect(open.length).toBeLessThanOrEqual(32);
    await store.close();
  });

  test("of a snapshot that could not be taken keeps no files", async () => {
    const blobs = await opened(new TestBase());
    await blobs.close();
    const store = new JournaledStore({ base: blobs, directory, fileBytes: 4_096 });
    await store.open();
    await store.write([put(MARK, 10)]);
    await store.write([put(large(1), 200)]);
    await (await store.snapshot()).close();
    expect(files()).toEqual(["blobs-000001"]);
    const changes = vi.spyOn(Overlays.prototype, "changes").mockImplementation(() => {
      throw EIO;
    });
    await expect(store.snapshot()).rejects.toThrow(EIO);
    changes.mockRestore();
    await store.write([gone(large(1))]);
    await (await store.snapshot()).close();
    await vi.waitFor(() => expect(files()).toEqual([]));
    await store.close();
  });
});

describe("writing anew", () => {
  test("stops nothing when it cannot read, and tries that file no more", async () => {
    const blobs = new BadDirectory(directory, FILE_BYTES);
    const store = await opened(new TestBase(), { directory: blobs });
    await store.write([put(large(1), 200), put(large(2), 600), put(large(3), 900)]);
    blobs.isBad = true;
    await store.write([gone(large(2))]);
    await vi.waitFor(() => expect(blobs.failures).toBe(1));
    for (let number = 4; number < 8; number++) await store.write([put(large(number), 100)]);
    blobs.isBad = false;
    expect(shown(await store.read(ALL))[0]).toBe("1: 200 x 1");
    await store.close();
    expect(blobs.failures).toBe(1);
  });

  test("leaves nothing behind of what it had no room for", async () => {
    const base = new TestBase();
    const wide = await opened(base, { directory: new DiskBlobDirectory(directory, 4_100) });
    await wide.write([put(large(1), 60), put(large(2), 1_900), put(large(3), 1_100), put(large(4), 900)]);
    await wide.close();
    // What stays does not fit into one file: there is room for the first value, which begins one, and not for the second in the next.
    const blobs = new FullDirectory(directory, 1_950);
    const store = await opened(base, { directory: blobs });
    for (let time = 1; time <= 3; time++) {
      blobs.room = 500;
      await store.write(time === 1 ? [gone(large(3)), gone(large(4))] : [put(large(10), 10)]);
      await vi.waitFor(() => expect(blobs.refusals).toBe(time));
      await vi.waitFor(() => expect(files()).toEqual(["blobs-000001"]));
    }
    expect([...(await readTallies(base)).keys()]).toEqual([1]);
    await store.close();
  });

  test("cuts off what it could not write to the end of a file that stays", async () => {
    const base = new TestBase();
    const blobs = new FullDirectory(directory, FILE_BYTES);
    const store = await opened(base, { directory: blobs });
    await store.write([put(large(1), 200), put(large(2), 600), put(large(3), 300)]);
    const size = (): number => statSync(join(directory, "blobs-000002")).size;
    expect(size()).toBe(312);
    blobs.room = 150;
    await store.write([gone(large(2))]);
    await vi.waitFor(() => expect(blobs.refusals).toBe(1));
    await vi.waitFor(() => expect(size()).toBe(312));
    await store.close();
  });

  test("waits while the disk has little room, and while a snapshot keeps what it would give back", async () => {
    let free = 1_000;
    const store = await opened(new TestBase(), { freeBytes: async () => free });
    await store.write([put(large(1), 200), put(large(2), 600), put(large(3), 900)]);
    await store.write([gone(large(2))]);
    await store.write([put(large(4), 10)]);
    expect(files()).toEqual(["blobs-000001", "blobs-000002"]);
    free = 1e9;
    const snapshot = await store.snapshot();
    await store.write([put(large(4), 20)]);
    expect(files()).toEqual(["blobs-000001", "blobs-000002"]);
    await snapshot.close();
    await store.write([put(large(4), 30)]);
    await vi.waitFor(() => expect(files()).toEqual(["blobs-000002", "blobs-000003"]));
    await store.close();
  });
});

describe("a tolerant store", () => {
  test("takes a file that cannot be read now for none that is missing: it may be whole", async () => {
    const base = new TestBase();
    const blobs = new BadDirectory(directory);
    const store = await opened(base, { directory: blobs, tolerant: true });
    await store.write([put(large(1), 200)]);
    blobs.isBad = true;
    await expect(store.read(ALL)).rejects.toThrow(EIO);
    blobs.isBad = false;
    expect(shown(await store.read(ALL))).toEqual(["1: 200 x 1"]);
    await store.close();
  });

  test("puts no zeros in the place of what could not be read once", async () => {
    const base = new TestBase();
    const blobs = new BadDirectory(directory, FILE_BYTES);
    const store = await opened(base, { directory: blobs, tolerant: true });
    await store.write([put(large(1), 200), put(large(2), 600), put(large(3), 900)]);
    blobs.isBad = true;
    await store.write([gone(large(2))]);
    await store.write([put(large(4), 10)]);
    await store.close();
    const next = await opened(base);
    expect(shown(await next.read(ALL))).toEqual(["1: 200 x 1", "3: 900 x 3", "4: 10 x 4"]);
    await next.close();
  });

  test("does not make a file anew that is missing", async () => {
    const base = new TestBase();
    const store = await opened(base);
    await store.write([put(large(1), 200)]);
    await store.close();
    rmSync(join(directory, "blobs-000001"));
    const tolerant = await opened(base, { tolerant: true });
    await tolerant.write([put(large(2), 200)]);
    expect(files()).toEqual(["blobs-000002"]);
    expect(await tolerant.examine()).toEqual(["blob file 1 is missing"]);
    await tolerant.mend();
    expect(await tolerant.examine()).toEqual([]);
    await tolerant.close();
    const next = await opened(base);
    expect(shown(await next.read(ALL))).toEqual(["2: 200 x 2"]);
    await next.close();
  });

  test("reads and keeps what its references tell, though the secret or the tallies are lost", async () => {
    const own = { secret: [Buffer.of(0x00, 0x01)], all: [] as Buffer[] };
    const base = new TestBase();
    const store = await opened(base);
    await store.write([put(large(1), 200), put(large(2), 10), put(large(3), 900)]);
    await store.close();
    await base.open();
    for (const [key] of await base.read({ from: Buffer.of(0x00), to: Buffer.of(0x01), entriesMax: 100, bytesMax: 100_000 }))
      own.all.push(Buffer.from(key));
    const whole = await base.read({ from: Buffer.of(0x00), to: Buffer.of(0xff), entriesMax: 100, bytesMax: 100_000 });
    await base.close();
    expect(own.all.length).toBeGreaterThan(1);
    for (const lost of [own.secret, own.all]) {
      await base.open();
      await base.write(whole.map(([key, value]) => ({ key, value })));
      await base.write(lost.map((key) => ({ key, value: undefined })));
      await base.close();
      await expect(opened(base)).rejects.toThrow("the secret of its blob files is missing");
      const tolerant = await opened(base, { tolerant: true });
      expect(shown(await tolerant.read(ALL))).toEqual(["1: 200 x 1", "2: 10 x 2", "3: 900 x 3"]);
      expect(await tolerant.examine()).toContain("the secret of its blob files is missing");
      await tolerant.write([put(large(2), 11)]);
      await tolerant.mend();
      expect(await tolerant.examine()).toEqual([]);
      await tolerant.close();
      const next = await opened(base);
      expect(shown(await next.read(ALL))).toEqual(["1: 200 x 1", "2: 11 x 2", "3: 900 x 3"]);
      await next.close();
    }
  });
});
