import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { ROWS } from "./rows/index.js";

const PROGRAM = fileURLToPath(new URL("../dist/torture.js", import.meta.url));
const MINUTES = 0.5;
const TIMEOUT_MS = 600_000;

it(
  "every row of the scorecard is clean, at a small figure",
  async () => {
    expect(existsSync(PROGRAM), "it is built: npm run build --workspace holdfast-test").toBe(true);
    const directory = mkdtempSync(join(tmpdir(), "holdfast-scorecard-"));
    const report = join(directory, "reliability.md");
    try {
      const args = [PROGRAM, "--minutes", String(MINUTES), "--report", report];
      const output = await new Promise<string>((resolve) =>
        execFile(process.execPath, args, (_, stdout, stderr) => resolve(stdout + stderr)),
      );
      process.stdout.write(output);
      expect(output).not.toMatch(/^ *\d+ failed/m);
      // Only somebody who may not do everything on the machine may leave rows out.
      const words = process.getuid?.() === 0 ? "clean|met" : "clean|met|skipped";
      for (const { number } of ROWS) expect(output).toMatch(new RegExp(`^ *${number} (${words}) `, "m"));
      const lines = readFileSync(report, "utf8").split("\n");
      expect(lines.filter((line) => /^\| \d+ \|/.test(line))).toHaveLength(ROWS.length);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
  TIMEOUT_MS,
);
