import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** That many different lines: names and sizes of this machine's files, and made up ones when it has not enough. */
export async function realLines(count: number): Promise<string[]> {
  const lines = new Set<string>();
  const find = spawn("find", ["/", "-xdev", "-printf", "%p %s\\n"], { stdio: ["ignore", "pipe", "ignore"] });
  find.on("error", () => {});
  for await (const line of createInterface({ input: find.stdout })) {
    // A name that is not UTF-8 is not a JSON string; two of them may look alike.
    if (!line.includes("\ufffd")) lines.add(line);
    if (lines.size >= count) break;
  }
  find.kill();
  for (let index = 0; lines.size < count; index++) lines.add(`/made/up/${index} ${(index * 7_919) % 100_003}`);
  return [...lines];
}
