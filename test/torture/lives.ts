import type { Token } from "../simulation/history.js";
import type { HistoryLine } from "./history-file.js";

/** One life of an engine. */
export interface Life {
  /** As its tokens tell it; below 0 when no token does. */
  readonly number: number;
  readonly startNs: number;
  /** When its process began, if it is not the first life of that. */
  readonly after?: number;
  /** Infinity while it lasts. */
  endNs: number;
  /** Of a life whose engine failed: it was surely there until then, and may have failed at any time between that and its end. */
  readonly sureNs?: number;
}

/** What tokens tell of a life: when it gave its first lease, and when it was surely there for the last time. */
interface Epoch {
  readonly number: number;
  readonly firstNs: number;
  /** Surely, and maybe. */
  sureNs: number;
  lastNs: number;
}

/**
 * The lives of all engines. A process has one, and another one when its engine fails and opens its store anew: then what
 * clients were told says when, and the earliest moment is taken at which the first may have ended.
 *
 * @param leasedNs when each delivery was leased at the latest
 */
export function livesOf(lines: readonly HistoryLine[], leasedNs: ReadonlyMap<HistoryLine, number>): Life[] {
  const failures = lines.filter(({ type }) => type === "engine-failed").map(({ ns }) => ns);
  const epochs = epochsOf(lines, leasedNs, failures);
  const lives: Life[] = [];
  for (const { startNs, endNs } of processesOf(lines)) {
    const within = (ns: number): boolean => ns >= startNs && ns <= endNs;
    const ofProcess = epochs.filter(({ firstNs }) => within(firstNs));
    let start = startNs;
    // All but the last one failed.
    for (const { number, sureNs, lastNs } of ofProcess) {
      const failed = number !== ofProcess.at(-1)?.number || failures.some((ns) => ns > lastNs && within(ns));
      lives.push({
        number,
        startNs: start,
        endNs: failed ? lastNs + 1 : endNs,
        ...(failed && { sureNs }),
        ...(start > startNs && { after: startNs }),
      });
      if (failed) start = lastNs + 2;
    }
    // What has no tokens is a life too: of a process without deliveries, or of an engine that does not come back.
    if (lives.at(-1)?.endNs !== endNs)
      lives.push({ number: -1 - lives.length, startNs: start, endNs, ...(start > startNs && { after: startNs }) });
  }
  return lives;
}

function processesOf(lines: readonly HistoryLine[]): Life[] {
  const processes: Life[] = [];
  for (const { type, ns } of lines) {
    if (type === "restart") processes.push({ number: 0, startNs: ns, endNs: Number.POSITIVE_INFINITY });
    const last = processes.at(-1);
    if (type === "crash" && last !== undefined) last.endNs = ns;
  }
  return processes;
}

/**
 * Each life that gave tokens, in order. It was there when it gave a lease, and when a settlement was sent that it took; or
 * may have taken, if that was before anybody was told that it had failed.
 */
function epochsOf(lines: readonly HistoryLine[], leasedNs: ReadonlyMap<HistoryLine, number>, failures: readonly number[]): Epoch[] {
  const epochs = new Map<number, Epoch>();
  const alive = ({ life }: Token, ns: number): void => {
    const epoch = epochs.get(life);
    if (epoch === undefined) epochs.set(life, { number: life, firstNs: ns, sureNs: ns, lastNs: ns });
    else epoch.sureNs = epoch.lastNs = Math.max(epoch.lastNs, ns);
  };
  for (const [line, ns] of [...leasedNs].sort((a, b) => a[1] - b[1])) if (line.type === "delivery") alive(line.token, ns);
  const outcomes = new Map<number, string>();
  for (const line of lines) if (line.type === "settle-done") outcomes.set(line.call, line.outcome);
  const settles = lines.filter((line) => line.type === "settle");
  for (const { call, token, ns } of settles) if (outcomes.get(call) === "ok") alive(token, ns);
  for (const epoch of epochs.values()) {
    const toldNs = failures.find((ns) => ns > epoch.sureNs) ?? Number.POSITIVE_INFINITY;
    for (const { call, token, ns } of settles)
      if (token.life === epoch.number && ns < toldNs && outcomes.get(call) !== "fail") epoch.lastNs = Math.max(epoch.lastNs, ns);
  }
  return [...epochs.values()].sort((a, b) => a.firstNs - b.firstNs);
}
