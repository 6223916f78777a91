import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Store, Write } from "../../../store.js";
import { DiskBlobDirectory } from "./blob-directory.js";
import { recordBytes } from "./blob-record.js";
import type { BlobBase, BlobStore, BlobStoreOptions } from "./blob-store.js";
import { readTallies } from "./tallies.js";
import { ALL, BLOB_BYTES_MIN, blobFiles, FILE_BYTES, gone, large, openedBlobs, put, shown, TestBase } from "./test-base.js";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-blobs-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const opened = (base: BlobBase, options: Partial<BlobStoreOptions> = {}): Promise<BlobStore> => openedBlobs(directory, base, options);
const files = (): string[] => blobFiles(directory);

/** Bytes of all files, and those that the tallies say are in use. */
async function space(base: Store): Promise<{ readonly bytes: number; readonly live: number }> {
  const tallies = [...(await readTallies(base)).values()];
  return {
    bytes: files().reduce((sum, name) => sum + readFileSync(join(directory, name)).length, 0),
    live: tallies.reduce((sum, { liveBytes }) => sum + liveBytes, 0),
  };
}

describe("a store with blob files", () => {
  test("keeps large values of the kinds that have any in files, and all else below", async () => {
    const base = new TestBase();
    const store = await opened(base);
    await store.write([put(large(1), 200), put(large(2), BLOB_BYTES_MIN - 1), put(Buffer.of(0x21, 3), 200)]);
    expect((await base.read(ALL)).map(([, value]) => value.length)).toEqual([20, BLOB_BYTES_MIN - 1, 200]);
    expect(shown(await store.read(ALL))).toEqual(["1: 200 x 1", `2: ${BLOB_BYTES_MIN - 1} x 2`, "3: 200 x 3"]);
    expect(store.get(large(1))).toEqual(Buffer.alloc(200, 1));
    expect(store.get(large(9))).toBeUndefined();
    expect(files()).toEqual(["blobs-000001"]);
    await store.close();
  });

  test("reads as much as is wanted of a range, from either end, by what the values have and not the references", async () => {
    const store = await opened(new TestBase());
    await store.write([1, 2, 3, 4, 5].map((number) => put(large(number), 100)));
    const read = async (range: object): Promise<string[]> => shown(await store.read({ ...ALL, ...range }));
    expect(await read({ bytesMax: 150 })).toEqual(["1: 100 x 1", "2: 100 x 2"]);
    expect(await read({ bytesMax: 150, reverse: true })).toEqual(["5: 100 x 5", "4: 100 x 4"]);
    expect(await read({ entriesMax: 1 })).toEqual(["1: 100 x 1"]);
    expect(await read({ from: large(3), to: large(5) })).toEqual(["3: 100 x 3", "4: 100 x 4"]);
    await store.close();
  });

  test("takes nothing that somebody stores for a reference", async () => {
    const base = new TestBase();
    const store = await opened(base);
    await store.write([put(large(1), 200)]);
    const [reference] = await base.read(ALL);
    const forged = Buffer.from(reference?.[1] ?? []);
    forged.fill(7, 0, 8);
    await store.write([{ key: large(2), value: forged }]);
    expect(store.get(large(2))).toEqual(forged);
    await store.close();
  });

  test("removes a file with the last of its values, and goes on with a new one", async () => {
    const base = new TestBase();
    const store = await opened(base);
    await store.write([put(large(1), 200), put(large(2), 200)]);
    await store.write([gone(large(1)), put(large(2), 10)]);
    await vi.waitFor(() => expect(files()).toEqual([]));
    expect(await readTallies(base)).toEqual(new Map());
    await store.write([put(large(3), 200)]);
    expect(files()).toEqual(["blobs-000002"]);
    await store.close();
  });

  test("writes anew what is in use of a file that is mostly over", async () => {
    const base = new TestBase();
    const store = await opened(base);
    await store.write([1, 2, 3, 4].map((number) => put(large(number), 200)));
    await store.write([put(large(5), 900)]);
    await store.write([gone(large(1)), gone(large(3)), gone(large(4))]);
    await vi.waitFor(() => expect(files()).toEqual(["blobs-000002", "blobs-000003"]));
    expect(shown(await store.read(ALL))).toEqual(["2: 200 x 2", "5: 900 x 5"]);
    await store.close();
    const next = await opened(base);
    expect(shown(await next.read(ALL))).toEqual(["2: 200 x 2", "5: 900 x 5"]);
    await next.close();
  });

  test("writes anew what is in use of a file that was mostly over when it was full", async () => {
    const base = new TestBase();
    const store = await opened(base);
    await store.write([put(large(1), 600), put(large(2), 200)]);
    await store.write([gone(large(1)), put(large(3), 900)]);
    await vi.waitFor(() => expect(files()).toEqual(["blobs-000002", "blobs-000003"]));
    expect(shown(await store.read(ALL))).toEqual(["2: 200 x 2", "3: 900 x 3"]);
    await store.close();
  });

  test("writes anew what is in use of the newest file, too, once that has grown", async () => {
    const base = new TestBase();
    const store = await opened(base);
    await store.write([put(large(1), 100), put(large(2), 60)]);
    await store.write([gone(large(1))]);
    await store.write([put(large(3), 300)]);
    expect(files()).toEqual(["blobs-000001"]);
    await store.write([gone(large(3))]);
    await vi.waitFor(() => expect(files()).toEqual(["blobs-000002"]));
    expect(shown(await store.read(ALL))).toEqual(["2: 60 x 2"]);
    await store.close();
  });

  test("clears a range with its files", async () => {
    const base = new TestBase();
    const store = await opened(base);
    await store.write([1, 2, 3].map((number) => put(large(number), 400)));
    await store.clear([{ from: large(1), to: large(3) }]);
    await vi.waitFor(() => expect(files()).toEqual(["blobs-000002"]));
    await store.clear([{ from: large(0), to: large(9) }]);
    await vi.waitFor(() => expect(files()).toEqual([]));
    expect(await store.read(ALL)).toEqual([]);
    await store.close();
  });

  test("reads in a snapshot what was removed since, and keeps its file until then", async () => {
    const store = await opened(new TestBase());
    await store.write([put(large(1), 200)]);
    const snapshot = await store.snapshot();
    await store.write([gone(large(1))]);
    expect(await store.read(ALL)).toEqual([]);
    expect(shown(await snapshot.read(ALL))).toEqual(["1: 200 x 1"]);
    expect(files()).toEqual(["blobs-000001"]);
    await snapshot.close();
    await vi.waitFor(() => expect(files()).toEqual([]));
    await store.close();
  });

  test("reads many more files than it keeps open", async () => {
    const store = await opened(new TestBase());
    const numbers = Array.from({ length: 80 }, (_, number) => number);
    await store.write(numbers.map((number) => put(large(number), FILE_BYTES)));
    expect(files()).toHaveLength(80);
    for (let time = 0; time < 2; time++) {
      expect(shown(await store.read(ALL))).toEqual(numbers.map((number) => `${number}: ${FILE_BYTES} x ${number}`));
    }
    await store.close();
  });

  test("goes on with the newest file, over what nobody refers to", async () => {
    const base = new TestBase();
    const store = await opened(base);
    await store.write([put(large(1), 200)]);
    await store.close();
    const path = join(directory, "blobs-000001");
    const written = readFileSync(path);
    writeFileSync(path, Buffer.concat([written, Buffer.alloc(300, 0xee)]));
    const next = await opened(base);
    await next.write([put(large(2), 100)]);
    expect(shown(await next.read(ALL))).toEqual(["1: 200 x 1", "2: 100 x 2"]);
    expect(files()).toEqual(["blobs-000001"]);
    await next.close();
  });

  test("removes files that nothing refers to with the first commit, and not when somebody looks at it", async () => {
    const base = new TestBase();
    const store = await opened(base);
    await store.write([put(large(1), 200)]);
    await store.close();
    writeFileSync(join(directory, "blobs-000007"), "of a commit that never came to be");
    const looking = await opened(base);
    await looking.read(ALL);
    await looking.close();
    expect(files()).toEqual(["blobs-000001", "blobs-000007"]);
    const next = await opened(base);
    await next.write([put(large(2), 10)]);
    expect(files()).toEqual(["blobs-000001"]);
    await next.close();
  });

  test("puts nothing into files as long as an older program may open it", async () => {
    const base = new TestBase();
    const store = await opened(base, { mayUse: () => false });
    await store.write([put(large(1), 200)]);
    expect(files()).toEqual([]);
    expect(store.get(large(1))).toEqual(Buffer.alloc(200, 1));
    await store.close();
  });

  test("stops for good when a commit fails, and says why", async () => {
    const base = new TestBase();
    const store = await opened(base);
    base.failure = new Error("the disk is broken");
    await expect(store.write([put(large(1), 200)])).rejects.toThrow("the disk is broken");
    base.failure = undefined;
    await expect(store.write([put(large(1), 200)])).rejects.toThrow("the disk is broken");
    await store.close();
    await store.open();
    await store.write([put(large(1), 200)]);
    expect(store.get(large(1))).toEqual(Buffer.alloc(200, 1));
    await store.close();
  });

  test.each(["ENOSPC", "EDQUOT"])(
    "gives up what was kept for it when the disk is full, or what its user may have of it: %s",
    async (code) => {
      const full = Object.assign(new Error(`${code}: write`), { code });
      class FullDirectory extends DiskBlobDirectory {
        override async write(): Promise<void> {
          throw full;
        }
      }
      const diskFull = vi.fn(async () => undefined);
      const store = await opened(new TestBase(), { directory: new FullDirectory(directory), diskFull });
      await expect(store.write([put(large(1), 200)])).rejects.toThrow(full);
      expect(diskFull).toHaveBeenCalledOnce();
      await store.close();
    },
  );

  test("lets the store below go, also where its files cannot be closed", async () => {
    class BadDirectory extends DiskBlobDirectory {
      override close(): void {
        super.close();
        throw new Error("EIO: i/o error, close");
      }
    }
    const base = new TestBase();
    const closed = vi.spyOn(base, "close");
    const store = await opened(base, { directory: new BadDirectory(directory) });
    await expect(store.close()).rejects.toThrow("EIO");
    expect(closed).toHaveBeenCalledOnce();
  });

  test("waits with writing anew for a disk that has room, and gives up nothing for it", async () => {
    const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    let isFull = false;
    let refused = 0;
    class FullDirectory extends DiskBlobDirectory {
      override async write(file: number, bytes: Uint8Array, at: number): Promise<void> {
        if (!isFull) return super.write(file, bytes, at);
        refused++;
        throw full;
      }
    }
    const diskFull = vi.fn(async () => undefined);
    const store = await opened(new TestBase(), { directory: new FullDirectory(directory, FILE_BYTES), diskFull });
    await store.write([put(large(1), 200), put(large(2), 600), put(large(3), 900)]);
    isFull = true;
    await store.write([gone(large(2))]);
    await vi.waitFor(() => expect(refused).toBe(1));
    await store.write([put(large(4), 10)]);
    await vi.waitFor(() => expect(refused).toBe(2));
    expect(shown(await store.read(ALL))).toEqual(["1: 200 x 1", "3: 900 x 3", "4: 10 x 4"]);
    isFull = false;
    await store.write([put(large(5), 10)]);
    await vi.waitFor(() => expect(files()).not.toContain("blobs-000001"));
    expect(shown(await store.read(ALL))).toEqual(["1: 200 x 1", "3: 900 x 3", "4: 10 x 4", "5: 10 x 5"]);
    expect(diskFull).not.toHaveBeenCalled();
    await store.close();
  });
});

describe("blob files that are damaged", () => {
  const path = (): string => join(directory, "blobs-000001");

  async function stored(): Promise<TestBase> {
    const base = new TestBase();
    const store = await opened(base);
    await store.write([put(large(1), 200), put(large(2), 200)]);
    await store.close();
    return base;
  }

  test("are not opened when one is missing or cut", async () => {
    const base = await stored();
    truncateSync(path(), 400);
    await expect(opened(base)).rejects.toThrow(
      `the store is damaged: blob file 1 has 400 bytes, expected ${2 * recordBytes(2, 200)} or more`,
    );
    rmSync(path());
    await expect(opened(base)).rejects.toThrow("the store is damaged: blob file 1 is missing");
    expect(existsSync(path())).toBe(false);
  });

  test("give no value for another one", async () => {
    const base = await stored();
    const whole = readFileSync(path());
    const half = whole.length / 2;
    writeFileSync(path(), Buffer.concat([whole.subarray(half), whole.subarray(0, half)]));
    const store = await opened(base);
    await expect(store.read(ALL)).rejects.toThrow(/the store is damaged: blob file 1 has no value of 200 bytes at (0|212)$/);
    expect(() => store.get(large(2))).toThrow(`the store is damaged: blob file 1 has no value of 200 bytes at ${half}`);
    await store.close();
  });

  test("are read as zeros by whoever looks for what is left", async () => {
    const base = await stored();
    truncateSync(path(), 300);
    const cut = await opened(base, { tolerant: true });
    expect(shown(await cut.read(ALL))).toEqual(["1: 200 x 1", "2: 200 x 0"]);
    await cut.close();
    rmSync(path());
    const missing = await opened(base, { tolerant: true });
    expect(shown(await missing.read(ALL))).toEqual(["1: 200 x 0", "2: 200 x 0"]);
    expect(missing.get(large(1))).toEqual(Buffer.alloc(200));
    await missing.close();
  });
});

type Step =
  | { readonly kind: "write"; readonly writes: readonly { readonly key: number; readonly bytes: number | undefined }[] }
  | { readonly kind: "clear"; readonly from: number; readonly to: number }
  | { readonly kind: "reopen" };

const key = fc.nat({ max: 15 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("write" as const),
      writes: fc.array(fc.record({ key, bytes: fc.option(fc.nat({ max: 400 }), { nil: undefined }) }), { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("clear" as const), from: key, to: key }) },
  { weight: 1, arbitrary: fc.constant({ kind: "reopen" } as const) },
);

test("files hold what is in use, and at most as much again beside it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const base = new TestBase();
      const model = new Map<number, Buffer>();
      let store = await opened(base);
      let fill = 0;
      try {
        for (const done of steps) {
          if (done.kind === "reopen") {
            await store.close();
            store = await opened(base);
          } else if (done.kind === "clear") {
            await store.clear([{ from: large(done.from), to: large(done.to) }]);
            for (const known of [...model.keys()]) if (known >= done.from && known < done.to) model.delete(known);
          } else {
            const writes = done.writes.map(({ key: number, bytes }): Write => {
              const value = bytes === undefined ? undefined : Buffer.alloc(bytes, ++fill);
              const fresh = !model.has(number);
              if (value === undefined) model.delete(number);
              else model.set(number, value);
              return { key: large(number), value, fresh };
            });
            await store.write(writes);
          }
          expect((await store.read(ALL)).map(([{ 1: number }, value]) => [number, Buffer.from(value)])).toEqual(
            [...model].sort(([a], [b]) => a - b),
          );
        }
        const live = [...model.values()].reduce((sum, { length }) => sum + (length < BLOB_BYTES_MIN ? 0 : recordBytes(2, length)), 0);
        await vi.waitFor(async () => {
          const found = await space(base);
          expect(found.live).toBe(live);
          expect(found.bytes).toBeLessThanOrEqual(2 * live + FILE_BYTES + 400);
        });
        if (live === 0) await vi.waitFor(() => expect(files()).toEqual([]));
        await store.write([...model.keys()].map((number) => gone(large(number))));
        await vi.waitFor(() => expect(files()).toEqual([]));
      } finally {
        await store.close();
        for (const name of files()) rmSync(join(directory, name));
      }
    }),
    { numRuns: 150 },
  );
}, 60_000);
