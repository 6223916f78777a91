import { examineManifest } from "../manifest/examine-manifest.js";
import { type DamagedTable, TableReader } from "./table-reader.js";

/** Reads all tables that LevelDB has, and says which are damaged. */
export async function examineTables(directory: string): Promise<readonly DamagedTable[]> {
  const reader = new TableReader(directory);
  const found: DamagedTable[] = [];
  for (const name of (await examineManifest(directory)).tables) {
    const { damaged } = await reader.examine(name);
    if (damaged !== undefined) found.push(damaged);
  }
  return found;
}
