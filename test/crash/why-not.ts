import type { SpawnSyncReturns } from "node:child_process";

type Run = Pick<SpawnSyncReturns<string>, "error" | "status" | "signal" | "stderr">;

/**
 * Why a program did not do its work, in one line; undefined when it did.
 *
 * @param program what it is called there
 */
export function whyNot(program: string, { error, status, signal, stderr }: Run): string | undefined {
  if (error !== undefined) return "code" in error && error.code === "ENOENT" ? `${program} is not installed` : error.message;
  if (status === 0) return undefined;
  return stderr.trim().split("\n")[0] || `${program} ended with ${status ?? signal}`;
}
