import type { Entry, KeyRange, StoreSnapshot } from "../store.js";

type Reading = Pick<StoreSnapshot, "read">;

/** How much one read brings at most. */
export interface PageBounds {
  readonly entriesMax: number;
  readonly bytesMax: number;
}

const ENTRY_PAGE: PageBounds = { entriesMax: 1_000, bytesMax: 1_048_576 };

/** All of a range, page by page; each begins behind the last key of the one before, whatever became of that meanwhile. */
export async function* pagesOf(store: Reading, { from, to }: KeyRange, bounds: PageBounds): AsyncGenerator<readonly Entry[]> {
  for (let next = from; ; ) {
    const page = await store.read({ from: next, to, ...bounds });
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    next = justAfter(last[0]);
  }
}

/** Every entry of a range, read in pages. */
export async function* entriesOf(store: Reading, range: KeyRange): AsyncGenerator<Entry> {
  for await (const page of pagesOf(store, range, ENTRY_PAGE)) yield* page;
}

/** The key that follows `key` with nothing between. */
export const justAfter = (key: Uint8Array): Uint8Array => Buffer.concat([key, Buffer.of(0)]);
