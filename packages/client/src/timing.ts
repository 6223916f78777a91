import { HoldfastError } from "./errors.js";
import * as LIMITS from "./limits.js";
import type { MessageOptions } from "./message.js";
import type { Timing } from "./record.js";

/** When a message may be delivered, from what its publisher says; undefined when nothing. The delay counts from its sending. */
export function packTiming({ delayMs, notBefore, ttlMs }: MessageOptions): Timing | undefined {
  if (delayMs === undefined && notBefore === undefined && ttlMs === undefined) return undefined;
  check("delayMs", delayMs, LIMITS.delayMsMax);
  check("ttlMs", ttlMs, LIMITS.ttlMsMax);
  if (notBefore === undefined) return { delayMs, ttlMs };
  if (delayMs !== undefined) throw new HoldfastError("BAD_REQUEST", "delayMs and notBefore are given, expected one of them");
  const at = Math.ceil(Number(notBefore));
  const delay = (): number => Math.max(0, at - Date.now());
  check("notBefore, from now,", delay(), LIMITS.delayMsMax);
  return {
    // Read when it is packed, so that what waited in the outbox is not late.
    get delayMs() {
      return delay();
    },
    ttlMs,
  };
}

function check(name: string, ms: number | undefined, msMax: number): void {
  if (ms === undefined || (Number.isInteger(ms) && ms >= 0 && ms <= msMax)) return;
  throw new HoldfastError("BAD_REQUEST", `${name} is ${String(ms)}, expected a whole number from 0 to ${msMax}`);
}
