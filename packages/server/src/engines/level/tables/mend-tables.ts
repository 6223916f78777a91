import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { examineManifest } from "../manifest/examine-manifest.js";
import { examineTables } from "./examine-tables.js";
import { Table } from "./table.js";

/**
 * Takes the blocks that are not whole out of the tables of a stopped store: what was in them is lost, and the rest can be read. One that
 * was cut has nothing any more, and is as long again as LevelDB's manifest says. Returns of how many.
 */
export async function mendTables(directory: string): Promise<number> {
  const damaged = await examineTables(directory);
  if (damaged.length === 0) return 0;
  const { tables } = await examineManifest(directory);
  for (const { name } of damaged) {
    const path = join(directory, name);
    const mended = new Table(filledUp(await readFile(path), tables.get(name) ?? 0)).mended();
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

const filledUp = (bytes: Buffer, size: number): Buffer =>
  bytes.length >= size ? bytes : Buffer.concat([bytes, Buffer.alloc(size - bytes.length)]);
