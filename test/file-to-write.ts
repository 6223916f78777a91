import { accessSync, constants, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

/** Why a file cannot be written, in one line with its path and what was expected; undefined when it can. */
export function whyNotWritable(file: string): string | undefined {
  const path = resolve(file);
  const directory = dirname(path);
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory()) return `${path} is a directory, expected a file`;
    if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory())
      return `${path} cannot be written: expected ${directory} to be a directory`;
    accessSync(stat === undefined ? directory : path, constants.W_OK);
    return undefined;
  } catch (error) {
    return `${path} cannot be written: expected a file that may be, and got ${error instanceof Error ? error.message : String(error)}`;
  }
}
