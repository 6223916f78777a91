import { examineDirectory } from "../../../packages/server/src/doctor/examine-directory.js";
import { type Contents, contentsOf } from "./contents.js";

/** The queues of a store that is damaged, with those of their dead letters. */
export const QUEUES = ["orders", "bills", "orders.dead", "bills.dead"] as const;

/** What came of a damage: `failed` when it was read, `told` by the doctor alone; `ended`: the process that read it did. */
export type Outcome = "harmless" | "refused" | "failed" | "told" | "ended";

export interface Judgement {
  readonly outcome: Outcome;
  /** What nobody said. */
  readonly wrong?: string;
}

/** Judges what becomes of a damaged store by what it was before. */
export async function judgeDamaged(directory: string, whole: Contents): Promise<Judgement> {
  const found = await contentsOf(directory, QUEUES);
  if ("refused" in found) return { outcome: "refused" };
  const altered = [...found.messages].find(([name, text]) => whole.messages.has(name) && whole.messages.get(name) !== text);
  if (altered !== undefined) return { outcome: "harmless", wrong: `wrong: ${altered[0]} is not what was stored` };
  if (found.failed !== undefined) return { outcome: "failed" };
  const lost = [...whole.messages.keys()].filter((name) => !found.messages.has(name));
  const back = [...found.messages.keys()].filter((name) => !whole.messages.has(name));
  if (lost.length + back.length === 0) return { outcome: "harmless" };
  const { findings } = await examineDirectory(directory);
  if (findings.length > 0) return { outcome: "told" };
  const what =
    lost.length > 0
      ? `lost: ${lost.length} messages are gone, such as ${lost[0]}`
      : `again: ${back.length} messages are back, such as ${back[0]}`;
  return { outcome: "harmless", wrong: `${what}, and nobody says so` };
}
