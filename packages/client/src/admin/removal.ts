import type { HoldfastError } from "../errors.js";

/** Asks for the end of something. When it is sent again, `NOT_FOUND` says that the first sending ended it. */
export async function remove(ask: (mayResend: () => boolean) => Promise<unknown>): Promise<void> {
  let resent = false;
  const mayResend = (): boolean => {
    resent = true;
    return true;
  };
  await ask(mayResend).catch((error: HoldfastError) => {
    if (!resent || error.code !== "NOT_FOUND") throw error;
  });
}
