import type { ConnectionFlags } from "./connection.js";
import { LineWriter, openStdout } from "./line-writer.js";
import { type Resources, type Row, readRows } from "./resources.js";
import { table } from "./table.js";

export interface NamesFlags extends ConnectionFlags {
  readonly json?: true;
}

interface Shape<Stats> {
  /** Titles of the columns behind the name. */
  readonly head: readonly string[];
  cellsOf(row: Row<Stats>): readonly string[];
  /** Fields of the JSON object beside the name. */
  shown(stats: Stats): object;
}

/** Writes what a namespace has: on a terminal a table with counts, else a name a line; with `--json` objects. */
export async function writeNames<Stats>(resources: Resources<Stats>, { json, ...flags }: NamesFlags, shape: Shape<Stats>): Promise<void> {
  const { kind } = resources;
  const writer = new LineWriter(openStdout(), () => undefined);
  await resources.connect(flags, async (holdfast) => {
    if (!json && !process.stdout.isTTY) {
      for await (const names of resources.namesOf(holdfast)) if (names.length > 0) await writer.write(names.join("\n"));
      return;
    }
    const rows = await readRows(holdfast, resources, undefined);
    if (json) {
      if (rows.length > 0)
        await writer.write(rows.map(({ name, stats }) => JSON.stringify({ [kind]: name, ...shape.shown(stats) })).join("\n"));
    } else await writer.write(rows.length === 0 ? `no ${kind}s` : table([kind, ...shape.head], rows.map(shape.cellsOf)));
  });
}
