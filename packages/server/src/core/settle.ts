import { type ErrorReply, HoldfastError, LIMITS, type SettledRun, type SettleRun } from "holdfast-client/protocol";
import { errorReply } from "../error-reply.js";
import type { Consumer } from "./consumer.js";
import type { Lease } from "./lease.js";

/** What a settlement does to a lease; the core is one. */
export interface Settling {
  finish(lease: Lease): void;
  fail(lease: Lease, now: number, delayMs: number | undefined, reason: string | undefined): void;
  bury(lease: Lease, reason: "rejected", error: string | undefined, now: number): void;
  giveBack(lease: Lease, counted: boolean, now: number): void;
  extend(lease: Lease, until: number): void;
}

const STALE: ErrorReply = errorReply(new HoldfastError("STALE_LEASE", "the lease is over, was settled, or belongs to another consumer"));

/** Settles lease by lease and tells each one's fate; a stale one changes nothing (promise L2). */
export function settleRuns(core: Settling, consumer: Consumer | undefined, runs: readonly SettleRun[], now: number): SettledRun[] {
  const results: ResultRun[] = [];
  for (const run of runs) {
    const invalid = invalidRun(run);
    for (let number = run.first; number < run.first + run.count; number++) {
      const lease = invalid === undefined ? consumer?.take(number) : undefined;
      if (lease === undefined) {
        addResult(results, invalid ?? STALE);
        continue;
      }
      settleOne(core, lease, run, now);
      lease.consumer.expiredInARow = 0;
      addResult(results, undefined);
    }
  }
  return results;
}

function settleOne(core: Settling, lease: Lease, run: SettleRun, now: number): void {
  switch (run.verb) {
    case "ack":
      core.finish(lease);
      break;
    case "nack":
      core.fail(lease, now, run.delayMs, run.reason);
      break;
    case "reject":
      core.bury(lease, "rejected", run.reason, now);
      break;
    case "release":
      core.giveBack(lease, false, now);
      break;
    case "extend":
      core.extend(lease, now + (run.leaseMs ?? 0));
      break;
    default:
      run.verb satisfies never;
  }
}

function invalidRun(run: SettleRun): ErrorReply | undefined {
  const { leaseMs, delayMs } = run;
  if (run.verb === "extend" && (leaseMs === undefined || leaseMs < LIMITS.leaseMsMin || leaseMs > LIMITS.leaseMsMax)) {
    return errorReply(new HoldfastError("BAD_REQUEST", `leaseMs is ${leaseMs}, expected ${LIMITS.leaseMsMin} to ${LIMITS.leaseMsMax}`));
  }
  if (delayMs !== undefined && (delayMs < 0 || delayMs > LIMITS.delayMsMax)) {
    return errorReply(new HoldfastError("BAD_REQUEST", `delayMs is ${delayMs}, expected 0 to ${LIMITS.delayMsMax}`));
  }
  return undefined;
}

interface ResultRun {
  count: number;
  readonly error?: ErrorReply | undefined;
}

function addResult(results: ResultRun[], error: ErrorReply | undefined): void {
  const last = results.at(-1);
  if (last !== undefined && last.error === error) last.count++;
  else results.push({ count: 1, error });
}
