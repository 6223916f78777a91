import type { Conversation } from "../chat/conversation.js";
import type { Counts, Gap, Message, Waiting } from "../chat/entry.js";

/** What became of a message that was written here. */
export type Fate =
  | { readonly state: "waiting" }
  | { readonly state: "stored" }
  | { readonly state: "delivered"; readonly counts: Counts }
  | undefined;

interface MessageRow {
  readonly kind: "message";
  readonly key: string;
  readonly message: Pick<Message, "text" | "writtenAt"> & { readonly sender: string };
  readonly isOwn: boolean;
  /** The first of several that one person wrote in a row. */
  readonly isFirst: boolean;
  readonly fate: Fate;
}

/** One line of a conversation. */
export type Row =
  | MessageRow
  | { readonly kind: "failed"; readonly key: string; readonly waiting: Waiting }
  | { readonly kind: "gap"; readonly key: string; readonly gap: Gap }
  | { readonly kind: "day"; readonly key: string; readonly at: number }
  | { readonly kind: "new"; readonly key: string };

/** A pause after which the name is shown again. */
const PAUSE_MS = 300_000;

const dayOf = (time: number): string => new Date(time).toDateString();

/** The lines of a conversation: messages in order, with days between them, and below what waits. */
export function rowsOf({ entries, waiting, newAfter, ticks }: Conversation, user: string): Row[] {
  const rows: Row[] = [];
  let last: MessageRow["message"] | undefined;
  let isMarked = newAfter === undefined;
  const add = (key: string, message: MessageRow["message"], fate: Fate): void => {
    if (last === undefined || dayOf(last.writtenAt) !== dayOf(message.writtenAt)) {
      rows.push({ kind: "day", key: `day ${key}`, at: message.writtenAt });
      last = undefined;
    }
    const isFirst = last?.sender !== message.sender || message.writtenAt - last.writtenAt > PAUSE_MS;
    rows.push({ kind: "message", key, message, isOwn: message.sender === user, isFirst, fate });
    last = message;
  };
  for (const entry of entries) {
    if (!isMarked && entry.sequence > (newAfter ?? 0)) {
      rows.push({ kind: "new", key: "new" });
      isMarked = true;
      last = undefined;
    }
    if (entry.kind === "gap") rows.push({ kind: "gap", key: `gap ${entry.sequence}`, gap: entry });
    else if (entry.sender === user) add(entry.id, entry, fateOf(ticks.of(entry.id)));
    else add(`${entry.sequence}`, entry, undefined);
  }
  for (const each of waiting) {
    if (each.failure === undefined) add(each.id, { ...each, sender: user }, { state: "waiting" });
    else rows.push({ kind: "failed", key: each.id, waiting: each });
  }
  return rows;
}

function fateOf(counts: Counts | undefined): Fate {
  return counts === undefined || counts.of === 0 || counts.delivered === 0 ? { state: "stored" } : { state: "delivered", counts };
}
