import type { Copies } from "./copy.js";
import type { Run } from "./run.js";
import type { Report } from "./violation.js";

/** Judges that nothing is leased from a paused queue. What was leased before may still be handed over. */
export function checkPauses(run: Run, copies: Copies, report: Report): void {
  for (const { delivery, copy } of copies.leases) {
    const { index, at, leaseUntil, token } = delivery;
    const last = copy.queue.pauses.findLast((event) => event.index < index);
    if (last?.type !== "pause") continue;
    // In a later life it was leased after the pause, whatever the clock shows.
    const sameLife = (run.life(token.life, index)?.start ?? -1) < last.index;
    const leasedAtMin = Math.min(at, leaseUntil - copy.queue.settings.leaseMsMax);
    if (!sameLife || leasedAtMin > last.at)
      report.add("paused", `${copy} token ${token.life}/${token.number} was leased while its queue was paused`, last.index, index);
  }
}
