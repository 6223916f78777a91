import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ifThere } from "../if-there.js";
import { examineManifest } from "../manifest/examine-manifest.js";
import { Table } from "./table.js";

/** A table with a block that is not whole. */
export interface DamagedTable {
  /** Of its file. */
  readonly name: string;
  /** Where the first such block is, in bytes. */
  readonly at: number;
}

/** Reads a table of a directory; undefined when all of it is whole, or it is not there any more. */
export async function examineTable(directory: string, name: string): Promise<{ readonly bytes: number; readonly damaged?: DamagedTable }> {
  // LevelDB deletes what it made another table of.
  const bytes = await ifThere(readFile(join(directory, name)));
  const at = bytes && new Table(bytes).damagedAt;
  return { bytes: bytes?.length ?? 0, ...(at !== undefined && { damaged: { name, at } }) };
}

/** Reads all tables that LevelDB has, and says which are damaged. */
export async function examineTables(directory: string): Promise<readonly DamagedTable[]> {
  const found: DamagedTable[] = [];
  for (const name of (await examineManifest(directory)).tables) {
    const { damaged } = await examineTable(directory, name);
    if (damaged !== undefined) found.push(damaged);
  }
  return found;
}

export const textOfDamage = ({ name, at }: DamagedTable): string => `${name} is damaged at byte ${at}`;
