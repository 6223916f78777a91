import { ifThere } from "../if-there.js";
import { examineManifest } from "../manifest/examine-manifest.js";
import { type DamagedTable, TableReader } from "./table-reader.js";

/** Reads all tables that LevelDB has, and says which are damaged; none where there is no directory. */
export async function examineTables(directory: string): Promise<readonly DamagedTable[]> {
  const manifest = await ifThere(examineManifest(directory));
  return damagedOf(directory, manifest?.tables.keys() ?? []);
}

/** Which of some tables are damaged. */
export async function damagedOf(directory: string, names: Iterable<string>): Promise<readonly DamagedTable[]> {
  const reader = new TableReader(directory);
  const found: DamagedTable[] = [];
  for (const name of names) {
    const { damaged } = await reader.examine(name);
    if (damaged !== undefined) found.push(damaged);
  }
  return found;
}
