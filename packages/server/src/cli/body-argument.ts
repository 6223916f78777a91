import type { JsonText } from "holdfast-client";
import { CommandError, EXIT, type ExitCode } from "./exit-codes.js";

/**
 * A body that is given as a whole: JSON, byte for byte, or with `isText` the text itself.
 *
 * @param what what it is, for whoever reads that it is no body
 * @param exitCode what the command ends with then
 */
export async function bodyOf(
  text: string,
  isText: boolean,
  what = "the body",
  exitCode: ExitCode = EXIT.usage,
): Promise<string | JsonText> {
  if (isText) return text;
  // Loaded by then: commands that take a body connect.
  const { JsonText } = await import("holdfast-client");
  try {
    return new JsonText(text.trim());
  } catch {
    throw new CommandError(exitCode, `${what} is ${JSON.stringify(text.slice(0, 80))}, expected JSON; --text takes it as it is`);
  }
}
