import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { HistoryEvent } from "../simulation/history.js";
import { linesOf } from "../simulation/print.js";

/** Keeps a history in which something is wrong, event by event; gives the file. */
export function keepHistory(name: string, history: readonly HistoryEvent[]): string {
  const directory = join("test-output", "torture");
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${name}.txt`);
  writeFileSync(file, `${[...linesOf(history)].join("\n")}\n`);
  return file;
}
