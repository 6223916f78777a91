import type { ConnectionFlags } from "./connection.js";
import { jsonOf } from "./line-of.js";
import type { LineWriter } from "./line-writer.js";
import { oneLine } from "./one-line.js";
import { table } from "./table.js";

/** Flags of commands that list something. */
export interface ListFlags extends ConnectionFlags {
  readonly json?: true;
  readonly limit?: number;
}

/** Items that `--limit` may ask for. */
export const LIMIT_MAX = 1_000_000;

/** How a list is shown to people. */
export interface Columns<Item> {
  readonly head: readonly string[];
  /** What comes from a peer may hold anything: it is made harmless for a terminal here. */
  readonly cellsOf: (item: Item) => readonly string[];
  /** Columns from this one on are text; those between it and the first are numbers. */
  readonly textFrom: number;
  /** What is written instead of an empty table. */
  readonly nothing: string;
  /** The last column is long, and on a terminal cut to what its lines have left. */
  readonly cutsLast?: true;
}

/**
 * Writes a list: a table, or with `--json` one object a line, as the pages come. No more than `--limit` of it.
 *
 * @returns resolves to whether the limit left out some of it
 */
export async function writeList<Item>(
  writer: LineWriter,
  pages: AsyncIterable<readonly Item[]>,
  { head, cellsOf, textFrom, nothing, cutsLast }: Columns<Item>,
  { json, limit = LIMIT_MAX }: Pick<ListFlags, "json" | "limit">,
): Promise<boolean> {
  const rows: string[][] = [];
  let left = limit;
  let isCut = false;
  for await (const page of pages) {
    isCut = page.length > left;
    const items = page.slice(0, left);
    left -= items.length;
    if (!json) rows.push(...items.map((item) => cellsOf(item).map(oneLine)));
    else if (items.length > 0) await writer.write(items.map(jsonOf).join("\n"));
    // With nothing left it takes one more item to know that there is more.
    if (isCut) break;
  }
  if (json) return isCut;
  const text = rows.length === 0 ? nothing : table(head, rows, textFrom);
  await writer.write(cutsLast && process.stdout.isTTY ? cutLines(text, process.stdout.columns) : text);
  return isCut;
}

/** On narrower terminals lines are wrapped: of what is cut to less, nothing could be told. */
const COLUMNS_MIN = 80;

/** Each line cut to the width of a terminal. */
export function cutLines(text: string, columns: number): string {
  const width = Math.max(columns, COLUMNS_MIN);
  return text
    .split("\n")
    .map((line) => (line.length > width ? `${line.slice(0, width - 1)}…` : line))
    .join("\n");
}
