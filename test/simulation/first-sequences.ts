import type { HistoryEntry } from "./history-log.js";

/**
 * A delayed message takes a new sequence when it takes its place, and so does what is published behind it to an ordered
 * queue. The checker knows a message by one sequence, as its receipt told it: this gives the sequences of receipts back to
 * what was seen under a new one.
 *
 * Only in queues whose messages have delays and are not redriven, for a redrive gives new sequences too. There each publish
 * must have a receipt in the end, if only that of a duplicate.
 */
export class FirstSequences {
  readonly #queues = new Set<string>();
  /** By queue and id: the sequence of the receipt, and the one under which it was seen first. */
  readonly #told = new Map<string, number>();
  readonly #seen = new Map<string, number>();

  /** @param lines of all processes, in order */
  constructor(lines: readonly (HistoryEntry | Aside)[]) {
    const publishes = new Map<number, string>();
    for (const line of lines) if (line.type === "publish" && line.delayMs !== undefined) this.#queues.add(line.queue);
    for (const line of lines) if (line.type === "redrive") this.#queues.delete(line.queue);
    for (const line of lines) {
      if (line.type === "publish" && this.#queues.has(line.queue)) publishes.set(line.call, nameOf(line.queue, line.id));
      if (line.type !== "publish-done" || line.outcome !== "ok") continue;
      const name = publishes.get(line.call);
      if (name !== undefined) this.#told.set(name, line.sequence);
    }
  }

  /** What a message is called by its receipt that is seen under a sequence, in the order in which such things are seen. */
  of(queue: string, id: string, sequence: number): number {
    if (!this.#queues.has(queue)) return sequence;
    const name = nameOf(queue, id);
    const seen = this.#seen.get(name) ?? sequence;
    this.#seen.set(name, seen);
    // A second new one would be a mistake, and is left for the checker to see.
    return seen === sequence ? (this.#told.get(name) ?? sequence) : sequence;
  }
}

/** What else may be among the entries. */
interface Aside {
  readonly type: "stalled" | "connection-lost" | "engine-failed" | "clock-set";
}

/** An entry in which messages have the sequences of their receipts. */
export function withFirst<Entry extends HistoryEntry | Aside>(entry: Entry, sequences: FirstSequences): Entry {
  if (entry.type === "delivery") return { ...entry, sequence: sequences.of(entry.queue, entry.id, entry.sequence) };
  if (entry.type !== "scan") return entry;
  const { queue } = entry;
  return { ...entry, messages: entry.messages.map((one) => ({ ...one, sequence: sequences.of(queue, one.id, one.sequence) })) };
}

const nameOf = (queue: string, id: string): string => `${queue}/${id}`;
