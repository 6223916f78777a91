import { createInterface } from "node:readline/promises";
import { CommandError, EXIT } from "./exit-codes.js";

/**
 * Asks on a terminal whether to go on with what cannot be undone; fails when the answer is not yes. A script, which has
 * no terminal, is not asked.
 */
export async function confirm(question: string, yes: boolean | undefined): Promise<void> {
  if (yes === true || !process.stdin.isTTY) return;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const ended = new AbortController();
  terminal.once("close", () => ended.abort());
  try {
    const answer = await terminal.question(`${question} [y/N] `, { signal: ended.signal }).catch(() => "");
    if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError(EXIT.failure, "nothing was changed");
  } finally {
    terminal.close();
  }
}
