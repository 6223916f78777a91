import { HoldfastError } from "holdfast-client/protocol";
import { examineDirectory } from "../../../packages/server/src/doctor/examine-directory.js";
import { type Contents, contentsOf } from "./contents.js";

/** The queues of a store that is damaged, with those of their dead letters. */
export const QUEUES = ["orders", "bills", "orders.dead", "bills.dead"] as const;

/**
 * What came of a damage. `failed`: when it was read. `told`: the engine opened the store and read it without an error although
 * messages are missing or back, and only the doctor says so. `ended`: LevelDB ended the process that read it. `unfinished`: of a
 * store whose server was killed the very last commit is missing, and looks like one that was being written then.
 */
export type Outcome = "harmless" | "refused" | "failed" | "told" | "ended" | "unfinished";

export interface Judgement {
  readonly outcome: Outcome;
  /** Of what is told by the doctor alone: how many messages are missing. */
  readonly missing?: number;
  /** Of a process that was ended: by which signal. */
  readonly signal?: string;
  /** What nobody said. */
  readonly wrong?: string;
}

/**
 * Judges what becomes of a damaged store by what it was before.
 *
 * @param unfinished what it was one commit before, if that may be missing
 */
export async function judgeDamaged(directory: string, whole: Contents, unfinished?: Contents): Promise<Judgement> {
  const found = await contentsOf(directory, QUEUES);
  if ("refused" in found) return { outcome: "refused" };
  const altered = [...found.messages].find(([name, text]) => whole.messages.has(name) && whole.messages.get(name) !== text);
  if (altered !== undefined) return { outcome: "harmless", wrong: `wrong: ${altered[0]} is not what was stored` };
  if (found.failed !== undefined) return { outcome: "failed" };
  const lost = [...whole.messages.keys()].filter((name) => !found.messages.has(name));
  const back = [...found.messages.keys()].filter((name) => !whole.messages.has(name));
  if (lost.length + back.length === 0) return { outcome: "harmless" };
  if (unfinished !== undefined && isSame(found, unfinished)) return { outcome: "unfinished" };
  if (await isFound(directory)) return { outcome: "told", missing: lost.length };
  const what =
    lost.length > 0
      ? `lost: ${lost.length} messages are gone, such as ${lost[0]}`
      : `again: ${back.length} messages are back, such as ${back[0]}`;
  return { outcome: "harmless", wrong: `${what}, and nobody says so` };
}

function isSame(one: Contents, other: Contents): boolean {
  return one.messages.size === other.messages.size && [...one.messages].every(([name, text]) => other.messages.get(name) === text);
}

/** Whether the doctor finds something, or refuses to look. */
async function isFound(directory: string): Promise<boolean> {
  try {
    return (await examineDirectory(directory)).findings.length > 0;
  } catch (error) {
    if (error instanceof HoldfastError) return true;
    throw error;
  }
}
