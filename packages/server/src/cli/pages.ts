import type { Page } from "holdfast-client";

/** Items asked for at a time. */
export const PAGE = 100;

interface PageRequest<Cursor> {
  readonly after?: Cursor;
  readonly limit: number;
}

type Ask<Item, Cursor> = (page: PageRequest<Cursor>) => Promise<Page<Item, Cursor>>;

/** All of a list that is continued by numbers, page by page, behind `after`. A page may be empty. */
export const pagesOf = <Item>(ask: Ask<Item, number>, after?: number): AsyncGenerator<readonly Item[]> => read(ask, after);

/** All of a list that is continued by names. */
export const namedPagesOf = <Item>(ask: Ask<Item, string>): AsyncGenerator<readonly Item[]> => read(ask, undefined);

async function* read<Item, Cursor>(ask: Ask<Item, Cursor>, after: Cursor | undefined): AsyncGenerator<readonly Item[]> {
  for (let from = after; ; ) {
    const { items, next } = await ask(from === undefined ? { limit: PAGE } : { after: from, limit: PAGE });
    yield items;
    if (next === undefined) return;
    from = next;
  }
}
