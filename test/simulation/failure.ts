import { HoldfastError } from "holdfast-client/protocol";

/**
 * Why a call had no effect; undefined when nobody knows whether it had one.
 *
 * @throws what is no answer of an engine
 */
export function failureOf(error: unknown): string | undefined {
  if (!(error instanceof HoldfastError)) throw error;
  return error.code === "UNKNOWN" ? undefined : error.code;
}

/** Waits for a call whose answer nobody needs. */
export async function tell(task: Promise<unknown>): Promise<void> {
  try {
    await task;
  } catch (error) {
    failureOf(error);
  }
}
