import type { PeekedMessage } from "holdfast-client/admin";
import { jsonOf } from "./line-of.js";
import { duration } from "./table.js";

/** How messages that are looked at are shown to people. */
export const MESSAGE_COLUMNS = {
  head: ["id", "sequence", "attempts", "age", "state", "key", "body"],
  textFrom: 4,
  nothing: "no messages",
  cutsLast: true,
  cellsOf: ({ id, sequence, attempts, publishedAt, state, key = "", body, invalid }: PeekedMessage): string[] => {
    const age = duration(Math.max(0, Date.now() - publishedAt));
    return [id, String(sequence), String(attempts), age, state, key, invalid === undefined ? jsonOf(body) : `(${invalid})`];
  },
} as const;
