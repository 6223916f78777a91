import { stat } from "node:fs/promises";
import { HoldfastError } from "holdfast-client/protocol";

/** `BAD_REQUEST` for a path at which there is something that is no directory, or that leads through such a thing. */
export async function assertNoFile(directory: string): Promise<void> {
  const found = await stat(directory).catch((error: NodeJS.ErrnoException) => error);
  const isOther = found instanceof Error ? found.code === "ENOTDIR" : !found.isDirectory();
  if (isOther) throw new HoldfastError("BAD_REQUEST", `${directory} is no directory, expected one`);
}
