import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { examineManifest } from "../manifest/examine-manifest.js";
import type { FileSizes } from "../manifest/version.js";
import { damagedOf } from "./examine-tables.js";
import { Table } from "./table.js";

/**
 * Takes the blocks that are not whole out of the tables of a stopped store: what was in them is lost, and the rest can be read. One that
 * was cut has nothing any more, and is as long again as LevelDB's manifest says. Returns of how many.
 *
 * @param tables those that LevelDB has, unless given
 */
export async function mendTables(directory: string, tables?: FileSizes): Promise<number> {
  const sizes = tables ?? (await examineManifest(directory)).tables;
  const damaged = await damagedOf(directory, sizes.keys());
  for (const { name } of damaged) {
    const path = join(directory, name);
    const mended = new Table(filledUp(await readFile(path), sizes.get(name) ?? 0)).mended();
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
