import { HoldfastError } from "holdfast-client/protocol";

/** A look at the store that fails changes nothing: the engine goes on, and says that it could not look. Its outcome is never unknown. */
export async function looked<Result>(look: Promise<Result>): Promise<Result> {
  try {
    return await look;
  } catch (error) {
    if (error instanceof HoldfastError && error.code !== "UNKNOWN") throw error;
    throw new HoldfastError("ENGINE_UNAVAILABLE", `the store could not be read: ${messageOf(error)}`);
  }
}

/** What went wrong, with its cause. */
export const messageOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? `${cause.message}: ${cause.cause.message}` : cause.message;
};
