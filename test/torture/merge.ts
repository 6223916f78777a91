import { FirstSequences, withFirst } from "../simulation/first-sequences.js";
import type { HistoryEvent, Token } from "../simulation/history.js";
import type { HistoryEntry } from "../simulation/history-log.js";
import { cancellationsOf } from "./cancellations.js";
import { Clocks } from "./clocks.js";
import type { HistoryLine } from "./history-file.js";
import { type Life, livesOf } from "./lives.js";

type LineOf<Type extends HistoryLine["type"]> = Extract<HistoryLine, { readonly type: Type }>;
type DetachEntry = Extract<HistoryEntry, { readonly type: "detach" }>;
type DeliveryLine = LineOf<"delivery">;
type SessionType = "session" | "session-done" | "session-ended" | "heard" | "gap" | "settle-heard" | "settle-gap";

const MS = 1e6;
/** A connection to a server that is killed may be lost before the end of the server shows. */
const KILL_NS = 100 * MS;

/** When the machine's clock was at 0, in ms since 1970. It waits for the next millisecond, to be exact. */
export function clockZeroMs(): number {
  const before = Date.now();
  let now = before;
  while (now === before) now = Date.now();
  return now - Number(process.hrtime.bigint()) / MS;
}

export interface MergeOptions {
  /** See `clockZeroMs`. */
  readonly zeroMs: number;
  /** How long the server keeps a consumer whose connection is lost. */
  readonly graceMs: number;
  leaseMsOf(queue: string): number;
}

/**
 * Makes one history of those of all processes, as the checker reads it.
 *
 * Clients see things later than they are, so some are put where they were at the latest. A delivery is leased before it
 * arrives, within the millisecond that its lease tells, and before every later lease of its life.
 */
export function mergeHistories(files: readonly (readonly HistoryLine[])[], options: MergeOptions): HistoryEvent[] {
  return new Merger(files.flat(), options).events();
}

interface Placed {
  readonly ns: number;
  /** Of what is at the same time: a life begins before all else, and ends after it. */
  readonly rank: number;
  readonly entry: HistoryEntry;
}

class Merger {
  readonly #clocks: Clocks;
  readonly #graceNs: number;
  readonly #lines: readonly HistoryLine[];
  readonly #leasedNs: ReadonlyMap<HistoryLine, number>;
  readonly #lives: readonly Life[];
  readonly #attached = new Map<string, LineOf<"attached">>();
  readonly #tokens = new Map<number, Token>();
  /** When sessions of devices began, by their names and by their calls. */
  readonly #begun = new Map<string | number, number>();
  readonly #placed: Placed[] = [];
  /** Of calls that nobody made, which have numbers that no other has. */
  #nextCall = -Number.MAX_SAFE_INTEGER;

  constructor(lines: HistoryLine[], { zeroMs, graceMs, leaseMsOf }: MergeOptions) {
    lines.sort((a, b) => a.ns - b.ns);
    const sequences = new FirstSequences(lines);
    this.#lines = lines.map((line) => withFirst(line, sequences));
    this.#clocks = new Clocks(this.#lines, zeroMs, leaseMsOf);
    this.#graceNs = graceMs * MS;
    this.#leasedNs = leaseTimes(this.#lines, this.#clocks, leaseMsOf);
    this.#lives = livesOf(this.#lines, this.#leasedNs);
    for (const line of this.#lines) if (line.type === "attached") this.#attached.set(line.consumer, line);
    for (const line of this.#lines) if (line.type === "settle") this.#tokens.set(line.call, line.token);
    for (const line of this.#lines) if (line.type === "session") this.#begun.set(line.session, line.ns).set(line.call, line.ns);
  }

  events(): HistoryEvent[] {
    for (const { number, startNs, endNs, after } of this.#lives) {
      this.#placed.push({ ns: startNs, rank: 0, entry: { type: "restart", life: number } });
      // The server attaches those who are still there to its new engine.
      for (const { ns, ...attached } of this.#attached.values())
        if (after !== undefined && ns > after && ns < startNs) this.#placed.push({ ns: startNs, rank: 1, entry: attached });
      if (endNs !== Number.POSITIVE_INFINITY) this.#placed.push({ ns: endNs, rank: 2, entry: { type: "crash" } });
    }
    for (const [consumer, ns] of cancellationsOf(this.#lines, this.#clocks))
      this.#placed.push({ ns, rank: 1, entry: { ...this.#detach(consumer, false), afterExpiries: true } });
    // What anybody was told of before a purge was sent was stored by then: by a delivery or a receipt.
    const told = new Map<string, number>();
    const toldBeforePurge = new Map<number, number>();
    const queues = new Map<number, string>();
    for (const line of this.#lines) {
      if (line.type === "publish") queues.set(line.call, line.queue);
      if (line.type === "publish-done" && line.outcome === "ok") note(told, queues.get(line.call) ?? "", line.sequence);
      if (line.type === "delivery") note(told, line.queue, line.sequence);
      if (line.type === "purge") toldBeforePurge.set(line.call, told.get(line.queue) ?? 0);
      this.#place(line, toldBeforePurge);
    }
    this.#placed.sort((a, b) => a.ns - b.ns || a.rank - b.rank);
    return this.#placed.map(({ ns, entry }, index) => ({ ...entry, index, at: Math.floor(this.#clocks.atMs(ns)) }) as HistoryEvent);
  }

  #place(line: HistoryLine, toldBeforePurge: ReadonlyMap<number, number>): void {
    const put = (entry: HistoryEntry, ns = line.ns): void => void this.#placed.push({ ns, rank: 1, entry });
    switch (line.type) {
      case "restart":
      case "crash":
      case "engine-failed":
      case "clock-set":
        return;
      case "stalled":
        for (const detach of this.#mayBeGone(line)) put(detach);
        return;
      case "connection-lost":
        this.#placeLost(line, put);
        return;
      case "detach":
        if (this.#wentWithServer(line.consumer, line.ns)) return;
        put(line);
        // The server may have seen it later, and given it messages until then, which come again after the grace at the earliest.
        if (line.counted) put({ ...line, call: -line.call }, line.ns + this.#graceNs);
        return;
      case "delivery":
        put(line, this.#leasedAt(line));
        return;
      case "session":
      case "session-done":
      case "session-ended":
      case "heard":
      case "gap":
      case "settle-heard":
      case "settle-gap":
        put(line, Math.min(line.ns, this.#endOf(line)));
        return;
      case "settle-done":
        put(this.#mayBeOfFailure(line) ? { type: "settle-done", call: line.call, outcome: "info" } : line);
        return;
      case "purge-done":
        put(line.outcome === "ok" ? { ...line, through: toldBeforePurge.get(line.call) ?? 0 } : line);
        return;
      default:
        put(line);
    }
  }

  #leasedAt(line: DeliveryLine): number {
    const ended = this.#lives.find(({ number }) => number === line.token.life)?.endNs ?? line.ns;
    return Math.min(this.#leasedNs.get(line) ?? line.ns, ended);
  }

  /** When the server that had a device's connection ended: what came of it, and what was said to it, was before. */
  #endOf(line: LineOf<SessionType>): number {
    const begunNs = this.#begun.get(line.type === "session-done" ? line.call : line.session) ?? line.ns;
    return this.#lives.findLast(({ startNs }) => startNs <= begunNs)?.endNs ?? line.ns;
  }

  /** Whether a settlement may have been refused because the engine had failed just then; that ended its lease. */
  #mayBeOfFailure({ call, ns, ...done }: LineOf<"settle-done">): boolean {
    if (done.outcome !== "fail" || done.code !== "STALE_LEASE") return false;
    const token = this.#tokens.get(call);
    return this.#lives.some(({ number, sureNs }) => number === token?.life && sureNs !== undefined && ns >= sureNs);
  }

  /** Whether a consumer ended because its server did; that is no end of its own. */
  #wentWithServer(consumer: string, ns: number): boolean {
    const since = this.#attached.get(consumer)?.ns ?? ns;
    return this.#lives.some(({ endNs }) => endNs > since && endNs < ns + KILL_NS);
  }

  /** The consumers of a process that stood still: the server may have given them up, for their connection or for what they left unanswered. */
  #mayBeGone({ process, ns }: LineOf<"stalled">): HistoryEntry[] {
    const here = this.#attachedBy(process, Number.NEGATIVE_INFINITY, ns);
    return here.flatMap(({ consumer }) => [true, false].map((counted) => this.#detach(consumer, counted)));
  }

  /** The consumers of a connection whose end the server may have seen before its client did. */
  #placeLost({ process, ns, sinceNs, untilNs, deafNs }: LineOf<"connection-lost">, put: (entry: HistoryEntry, ns: number) => void): void {
    for (const { consumer, ns: attachedNs } of this.#attachedBy(process, sinceNs, untilNs)) {
      if (!this.#wentWithServer(consumer, ns)) put(this.#detach(consumer, true), ns);
      // A server that hears nothing gives a connection up by itself, and leaves it open for a while; consumers last for the grace
      // after that. Whatever they are given until then never comes, and may run out, again and again.
      for (let at = Math.max(deafNs, attachedNs) + this.#graceNs; at < ns; at += this.#graceNs)
        for (const counted of [true, false]) put(this.#detach(consumer, counted), at);
    }
  }

  #attachedBy(process: string, fromNs: number, toNs: number): LineOf<"attached">[] {
    return [...this.#attached.values()].filter((line) => line.process === process && line.ns > fromNs && line.ns < toNs);
  }

  /** It may go then. */
  #detach(consumer: string, counted: boolean): DetachEntry {
    return { type: "detach", call: this.#nextCall++, consumer, counted };
  }
}

const note = (most: Map<string, number>, name: string, value: number): void => void most.set(name, Math.max(value, most.get(name) ?? 0));

/** When each delivery was leased at the latest. */
function leaseTimes(lines: readonly HistoryLine[], clocks: Clocks, leaseMsOf: (queue: string) => number): Map<HistoryLine, number> {
  const deliveries = lines.filter((line): line is DeliveryLine => line.type === "delivery");
  deliveries.sort((a, b) => b.token.life - a.token.life || b.token.number - a.token.number);
  const times = new Map<HistoryLine, number>();
  let [life, next] = [-1, Number.POSITIVE_INFINITY];
  for (const line of deliveries) {
    if (line.token.life !== life) [life, next] = [line.token.life, Number.POSITIVE_INFINITY];
    const endOfMs = clocks.nsOf(line.leaseUntil - leaseMsOf(line.queue) + 1, line.ns);
    next = Math.min(next, line.ns, endOfMs);
    times.set(line, next);
  }
  return times;
}
