import type { HistoryLine } from "../history-file.js";
import { tokenText } from "../tokens.js";

type Publish = Extract<HistoryLine, { readonly type: "publish" }>;

/** What clients know of one message. Lines are of the server's log, times in ms since 1970. */
export interface MessageLife {
  readonly id: string;
  readonly queue: string;
  readonly body: string;
  readonly key: string | undefined;
  readonly publishedMs: number;
  /** When the server sent something about it for the first time: it is durable from there on. */
  sentLine: number;
  sequence: number | undefined;
  /** When an ack or reject was first under way, and when the server had confirmed one. */
  ackMs: number;
  ackedLine: number;
  rejectMs: number;
  rejectedLine: number;
}

const NEVER = Number.POSITIVE_INFINITY;
const MS = 1e6;
/** An id and a token as they stand in what the server sends. */
const ID = /"id":"([a-z]+-\d+)"/g;
const SETTLED = /"token":"([0-9a-z.]+)","ok":true/g;

/** What the server must keep, by what it sent and what its clients asked for. */
export class Promises {
  readonly lives = new Map<string, MessageLife>();
  readonly #settles = new Map<string, { readonly id: string; readonly verb: string }>();

  /** @param zeroMs when the clock of the histories was at 0 */
  constructor(lines: readonly HistoryLine[], zeroMs: number) {
    const ids = new Map<string, string>();
    const published = new Map<number, string>();
    for (const line of lines) {
      const atMs = line.ns / MS + zeroMs;
      if (line.type === "publish") {
        published.set(line.call, line.id);
        if (!this.lives.has(line.id)) this.lives.set(line.id, newLife(line, atMs));
      } else if (line.type === "publish-done" && line.outcome === "ok") {
        const life = this.lives.get(published.get(line.call) ?? "");
        if (life !== undefined) life.sequence ??= line.sequence;
      } else if (line.type === "delivery") ids.set(tokenText(line.token), line.id);
    }
    for (const line of lines) {
      if (line.type !== "settle") continue;
      const token = tokenText(line.token);
      const life = this.lives.get(ids.get(token) ?? "");
      if (life === undefined) continue;
      this.#settles.set(token, { id: life.id, verb: line.verb });
      const atMs = line.ns / MS + zeroMs;
      if (line.verb === "ack") life.ackMs = Math.min(life.ackMs, atMs);
      if (line.verb === "reject") life.rejectMs = Math.min(life.rejectMs, atMs);
    }
  }

  /** The server sent this, beginning with a line of its log; gives how many receipts and deliveries were in it. */
  sent(text: string, line: number): number {
    let count = 0;
    for (const [, id = ""] of text.matchAll(ID)) {
      const life = this.lives.get(id);
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

const newLife = ({ id, queue, body, key }: Publish, publishedMs: number): MessageLife => ({
  id,
  queue,
  body,
  key,
  publishedMs,
  sentLine: NEVER,
  sequence: undefined,
  ackMs: NEVER,
  ackedLine: NEVER,
  rejectMs: NEVER,
  rejectedLine: NEVER,
});
