import type { HistoryLine } from "./history-file.js";

const NS_PER_MS = 1e6;
/** The clocks of `strace` and of the clients are one, read in two ways. */
const CLOCKS_MS = 5;

/** What clients saw of a server after something failed in it, until its end. */
export interface Aftermath {
  /** Milliseconds to the end of the server. */
  readonly livedMs: number;
  /** Messages that were published afterwards. */
  readonly published: number;
  /** Of them, or of what was published again, those that got a receipt. */
  readonly receiptsSince: number;
  /** Milliseconds to the last receipt, whenever its message was published; 0: there was none. */
  readonly lastReceiptMs: number;
  /** Answers which said that the store failed. */
  readonly told: number;
  /** Of them, answers to publishes which said that nobody knows. */
  readonly unknown: number;
}

/**
 * Tells the receipts of what was published before, which were on their way, from those of what was published afterwards. Of an id
 * that was sent before, also to an earlier server, a receipt may be right at any time.
 *
 * @param lines of all processes, in order
 * @param from when it failed, in ns of the machine's clock
 * @param to when the server ended
 */
export function aftermathOf(lines: readonly HistoryLine[], from: number, to: number): Aftermath {
  const since = from + CLOCKS_MS * NS_PER_MS;
  const known = new Set<string>();
  const sinceCalls = new Set<number>();
  let [published, receiptsSince, lastReceiptNs, told, unknown] = [0, 0, from, 0, 0];
  for (const line of lines) {
    if (line.ns > to) break;
    if (line.type === "publish") {
      const name = `${line.queue} ${line.id}`;
      if (line.ns > since && !known.has(name)) sinceCalls.add(line.call);
      else known.add(name);
      if (line.ns > since) published++;
    }
    if (line.ns <= from) continue;
    if (line.type === "publish-done" && line.outcome === "ok") {
      lastReceiptNs = line.ns;
      if (sinceCalls.has(line.call)) receiptsSince++;
    }
    if (line.type === "engine-failed") {
      told++;
      if (line.event === "holdfast:publish" && line.code === "UNKNOWN") unknown++;
    }
  }
  const toMs = (ns: number): number => Math.round((ns - from) / NS_PER_MS);
  return { livedMs: toMs(to), published, receiptsSince, lastReceiptMs: toMs(lastReceiptNs), told, unknown };
}

/** From when to when a process of the server was there. */
export interface Span {
  readonly startNs: number;
  readonly endNs: number;
}

export function spansOf(lines: readonly HistoryLine[]): Span[] {
  const starts = lines.filter(({ type }) => type === "restart");
  const ends = lines.filter(({ type }) => type === "crash");
  return starts.map(({ ns: startNs }) => ({ startNs, endNs: ends.find(({ ns }) => ns > startNs)?.ns ?? Number.POSITIVE_INFINITY }));
}
