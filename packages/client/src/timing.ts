import { checkWhole, refusal } from "./check.js";
import * as LIMITS from "./limits.js";
import type { MessageOptions } from "./message.js";
import type { Timing } from "./record.js";

/** As it goes into a record, and as it was given: a page that is loaded again goes by the clock, too. */
export interface PackedTiming extends Timing {
  /** Milliseconds since 1970: a Date could be changed while the message waits. */
  readonly notBefore: number | undefined;
}

/** When a message may be delivered, from what its publisher says; undefined when nothing. The delay counts from its sending. */
export function packTiming({ delayMs, notBefore, ttlMs }: MessageOptions): PackedTiming | undefined {
  if (delayMs === undefined && notBefore === undefined && ttlMs === undefined) return undefined;
  checkWhole("ttlMs", ttlMs, 0, LIMITS.ttlMsMax);
  const at = notBefore === undefined ? notBefore : Number(notBefore ?? Number.NaN);
  const timing = {
    notBefore: at,
    // Read when it is packed, so that what waited in the outbox is not late.
    get delayMs() {
      return at === undefined ? delayMs : Math.max(0, Math.ceil(at - Date.now()));
    },
    ttlMs,
  };
  if (at !== undefined && delayMs !== undefined) throw refusal("delayMs", delayMs, "none with notBefore");
  checkWhole(at === undefined ? "delayMs" : "delayMs of notBefore", timing.delayMs, 0, LIMITS.delayMsMax);
  return timing;
}
