import { mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { CommandError, EXIT } from "./exit-codes.js";

/**
 * Creates the directory and those above it, or fails in one line.
 *
 * Step by step: Node's own recursive `mkdir` never returns where the system says that a directory cannot exist, as
 * below /proc, and hides that a file system is read-only.
 */
export async function makeDataDirectory(path: string): Promise<void> {
  try {
    await makeWithParents(resolve(path));
    if (!(await stat(path)).isDirectory()) throw new Error("it is a file");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(EXIT.failure, `directory ${path} cannot be used: ${reason}`);
  }
}

async function makeWithParents(path: string): Promise<void> {
  if ((await make(path)) !== "ENOENT") return;
  const parent = dirname(path);
  if (parent !== path) await makeWithParents(parent);
  await mkdir(path);
}

/** `ENOENT` when the directory above is missing; one that is there already is left for whoever opens it. */
async function make(path: string): Promise<"ENOENT" | "made"> {
  try {
    await mkdir(path);
    return "made";
  } catch (error) {
    const code: unknown = Reflect.get(Object(error), "code");
    if (code === "ENOENT") return "ENOENT";
    if (code === "EEXIST") return "made";
    throw error;
  }
}
