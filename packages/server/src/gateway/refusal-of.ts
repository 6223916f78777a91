import { HoldfastError } from "holdfast-client/protocol";
import type { Log } from "../log.js";

/** What a client is told of an error. One that was not expected is the log's, and tells nothing of the inside. */
export function refusalOf(error: unknown, what: string, log: Pick<Log, "error">): HoldfastError {
  if (error instanceof HoldfastError) return error;
  log.error(`${what} failed: ${error instanceof Error ? error.stack : String(error)}`);
  return new HoldfastError("UNKNOWN", "an internal error; the request may have taken effect");
}
