/** Part of a list; `next` is given when there is more, and continues it as `after`. */
export interface Page<Item, Cursor> {
  readonly items: readonly Item[];
  readonly next?: Cursor | undefined;
}
