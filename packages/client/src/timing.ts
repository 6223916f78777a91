import { checkWhole } from "./check.js";
import * as LIMITS from "./limits.js";
import type { MessageOptions } from "./message.js";
import type { Timing } from "./record.js";

/** When a message may be delivered, from what its publisher says; undefined when nothing. The delay counts from its sending. */
export function packTiming({ delayMs, notBefore, ttlMs }: MessageOptions): Timing | undefined {
  if (delayMs === undefined && notBefore === undefined && ttlMs === undefined) return undefined;
  const timing = {
    // Read when it is packed, so that what waited in the outbox is not late.
    get delayMs() {
      return notBefore === undefined ? delayMs : Math.max(0, Math.ceil(Number(notBefore) - Date.now()));
    },
    ttlMs,
  };
  checkWhole("delayMs", delayMs ?? 0, 0, LIMITS.delayMsMax);
  if (notBefore !== undefined) checkWhole("delayMs, with notBefore,", delayMs ?? 0, 0, 0);
  checkWhole("notBefore, in ms from now,", timing.delayMs ?? 0, 0, LIMITS.delayMsMax);
  checkWhole("ttlMs", ttlMs ?? 0, 0, LIMITS.ttlMsMax);
  return timing;
}
