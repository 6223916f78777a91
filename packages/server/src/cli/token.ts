import { readFileSync } from "node:fs";
import { CommandError, EXIT } from "./exit-codes.js";

/** Who a command is, where the server asks: a token or an API key, never on the command line, where other users see it. */
export function tokenOf(file: string | undefined, environment: NodeJS.ProcessEnv): string | undefined {
  if (file === undefined) return environment.HOLDFAST_TOKEN;
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    throw new CommandError(EXIT.usage, `--token-file ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
