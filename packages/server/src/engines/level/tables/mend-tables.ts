import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { examineTables } from "./examine-tables.js";
import { Table } from "./table.js";

/** Takes the blocks that are not whole out of the tables of a stopped store: what was in them is lost, and the rest can be read. Returns of how many. */
export async function mendTables(directory: string): Promise<number> {
  const damaged = await examineTables(directory);
  for (const { name } of damaged) {
    const path = join(directory, name);
    const mended = new Table(await readFile(path)).mended();
    const file = await open(path, "r+");
    try {
      await file.write(mended, 0, mended.length, 0);
      await file.sync();
    } finally {
      await file.close();
    }
  }
  return damaged.length;
}
