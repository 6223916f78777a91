import type { HistoryLine } from "../history-file.js";
import { tokenText } from "../tokens.js";
import { RoomPromises } from "./room-promises.js";

type Publish = Extract<HistoryLine, { readonly type: "publish" }>;

/** What clients know of one message. Lines are of the server's log, times in ms since 1970. */
export interface MessageLife {
  readonly id: string;
  readonly queue: string;
  readonly body: string;
  readonly key: string | undefined;
  readonly publishedMs: number;
  readonly delayMs: number;
  /** When a client had its receipt. */
  receiptMs: number;
  /** When the server sent something about it for the first time: it is durable from there on. */
  sentLine: number;
  sequence: number | undefined;
  /** When an ack or reject was first under way, and when the server had confirmed one. */
  ackMs: number;
  ackedLine: number;
  rejectMs: number;
  rejectedLine: number;
  /** When a client had the answer to the last reject; infinite while one has none. */
  lastRejectedMs: number;
}

/** A redrive of a queue's dead letters, or a purge of the queue: when it was sent and when its answer was there, if it succeeded. */
interface Sweep {
  readonly queue: string;
  readonly sentMs: number;
  doneMs: number;
}

const NEVER = Number.POSITIVE_INFINITY;
const MS = 1e6;
/** An id and a token as they stand in what the server sends. */
const ID = /"id":"([a-z-]+\d+)"/g;
const SETTLED = /"token":"([0-9a-z.]+)","ok":true/g;

/** What the server must keep, by what it sent and what its clients asked for. */
export class Promises {
  readonly lives = new Map<string, MessageLife>();
  readonly redrives: readonly Sweep[];
  readonly purges: readonly Sweep[];
  readonly rooms: RoomPromises;
  readonly #settles = new Map<string, { readonly id: string; readonly verb: string }>();

  /** @param zeroMs when the clock of the histories was at 0 */
  constructor(lines: readonly HistoryLine[], zeroMs: number) {
    const msOf = ({ ns }: HistoryLine): number => ns / MS + zeroMs;
    this.redrives = sweepsOf("redrive", lines, msOf);
    this.purges = sweepsOf("purge", lines, msOf);
    this.rooms = new RoomPromises(lines, msOf);
    const ids = new Map<string, string>();
    const published = new Map<number, string>();
    for (const line of lines) {
      if (line.type === "publish") {
        published.set(line.call, line.id);
        if (!this.lives.has(line.id)) this.lives.set(line.id, newLife(line, msOf(line)));
      } else if (line.type === "publish-done" && line.outcome === "ok") {
        const life = this.lives.get(published.get(line.call) ?? "");
        if (life === undefined) continue;
        life.sequence ??= line.sequence;
        life.receiptMs = Math.min(life.receiptMs, msOf(line));
      } else if (line.type === "delivery") ids.set(tokenText(line.token), line.id);
    }
    this.#takeSettles(lines, ids, msOf);
  }

  #takeSettles(lines: readonly HistoryLine[], ids: ReadonlyMap<string, string>, msOf: (line: HistoryLine) => number): void {
    const rejects = new Map<number, MessageLife>();
    for (const line of lines) {
      if (line.type === "settle-done" && line.outcome === "ok") {
        const life = rejects.get(line.call);
        if (life !== undefined) life.lastRejectedMs = msOf(line);
      }
      if (line.type !== "settle") continue;
      const token = tokenText(line.token);
      const life = this.lives.get(ids.get(token) ?? "");
      if (life === undefined) continue;
      this.#settles.set(token, { id: life.id, verb: line.verb });
      if (line.verb === "ack") life.ackMs = Math.min(life.ackMs, msOf(line));
      if (line.verb !== "reject") continue;
      life.rejectMs = Math.min(life.rejectMs, msOf(line));
      life.lastRejectedMs = NEVER;
      rejects.set(line.call, life);
    }
  }

  /** The server sent this, beginning with a line of its log; gives how many receipts and deliveries were in it. */
  sent(text: string, line: number): number {
    let count = 0;
    for (const [, id = ""] of text.matchAll(ID)) {
      const life = this.lives.get(id) ?? this.rooms.lives.get(id);
      if (life === undefined) continue;
      life.sentLine = Math.min(life.sentLine, line);
      count++;
    }
    for (const [, token = ""] of text.matchAll(SETTLED)) {
      const settle = this.#settles.get(tokenText(token));
      const life = this.lives.get(settle?.id ?? "");
      if (life === undefined) continue;
      if (settle?.verb === "ack") life.ackedLine = Math.min(life.ackedLine, line);
      if (settle?.verb === "reject") life.rejectedLine = Math.min(life.rejectedLine, line);
    }
    return count;
  }
}

function sweepsOf(type: "redrive" | "purge", lines: readonly HistoryLine[], msOf: (line: HistoryLine) => number): Sweep[] {
  const sweeps = new Map<number, Sweep>();
  for (const line of lines) {
    if (line.type === type) sweeps.set(line.call, { queue: line.queue, sentMs: msOf(line), doneMs: NEVER });
    const sweep = line.type === `${type}-done` && "call" in line ? sweeps.get(line.call) : undefined;
    if (sweep !== undefined && "outcome" in line && line.outcome === "ok") sweep.doneMs = msOf(line);
  }
  return [...sweeps.values()];
}

const newLife = ({ id, queue, body, key, delayMs = 0 }: Publish, publishedMs: number): MessageLife => ({
  id,
  queue,
  body,
  key,
  publishedMs,
  delayMs,
  receiptMs: NEVER,
  sentLine: NEVER,
  sequence: undefined,
  ackMs: NEVER,
  ackedLine: NEVER,
  rejectMs: NEVER,
  rejectedLine: NEVER,
  lastRejectedMs: NEVER,
});
