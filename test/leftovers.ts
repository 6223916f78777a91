import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { endDescendants } from "./descendants.js";

const SIGNALS = ["SIGHUP", "SIGINT", "SIGTERM"] as const;
const SIGNAL_EXIT = 128;

/** What this program has made outside of itself: for each, what takes it away. */
const leftovers = new Set<() => void>();

/** Gives what takes something away. It is done at the end of the program at the latest, if that said `leaveNothing`. */
export function leftover(takeAway: () => void): () => void {
  const take = (): void => {
    takeAway();
    leftovers.delete(take);
  };
  leftovers.add(take);
  return take;
}

export interface TemporaryDirectory {
  readonly path: string;
  readonly remove: () => void;
}

export function temporaryDirectory(prefix: string, parent = tmpdir()): TemporaryDirectory {
  const path = mkdtempSync(join(parent, prefix));
  return { path, remove: leftover(() => rmSync(path, { recursive: true, force: true })) };
}

/** However this program ends from now on, by itself, by an error or by a signal: its processes end with it, and what it made goes. */
export function leaveNothing(): void {
  for (const signal of SIGNALS) process.on(signal, () => process.exit(SIGNAL_EXIT + constants.signals[signal]));
  process.on("exit", () => {
    endDescendants();
    // What was made last may be within what was made before.
    for (const take of [...leftovers].reverse()) {
      try {
        take();
      } catch (error) {
        process.stderr.write(`something is left behind: ${error instanceof Error ? error.message : String(error)}\n`);
      }
    }
  });
}
