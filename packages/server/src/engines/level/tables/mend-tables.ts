import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { examineTables } from "./examine-tables.js";
import { Table } from "./table.js";

/** Takes the blocks that are not whole out of the tables of a stopped store: what was in them is lost, and the rest can be read. */
export async function mendTables(directory: string): Promise<void> {
  for (const { name } of await examineTables(directory)) {
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
}
