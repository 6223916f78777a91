import { TIMER_MS_MAX } from "./connection.js";

/**
 * Calls `giveUp` with the reason once something was waited for long enough: when `signal` aborts, or after `timeoutMs`, 0
 * being never.
 *
 * @returns ends the wait without that
 */
export function limitWait(signal: AbortSignal | undefined, timeoutMs: number, giveUp: (why: string) => void): () => void {
  const onAbort = (): void => giveUp("aborted");
  signal?.addEventListener("abort", onAbort);
  const timer = timeoutMs > 0 ? setTimeout(giveUp, Math.min(timeoutMs, TIMER_MS_MAX), `${timeoutMs} ms are over`) : undefined;
  return () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  };
}
