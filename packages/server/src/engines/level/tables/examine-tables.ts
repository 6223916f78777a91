import { ifThere } from "../if-there.js";
import { examineManifest } from "../manifest/examine-manifest.js";
import { type DamagedTable, TableReader } from "./table-reader.js";

/** Reads all tables that LevelDB has, and says which are damaged; none where there is no directory. */
export async function examineTables(directory: string): Promise<readonly DamagedTable[]> {
  const reader = new TableReader(directory);
  const found: DamagedTable[] = [];
  const manifest = await ifThere(examineManifest(directory));
  for (const name of manifest?.tables.keys() ?? []) {
    const { damaged } = await reader.examine(name);
    if (damaged !== undefined) found.push(damaged);
  }
  return found;
}
