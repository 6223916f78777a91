import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const ORDERS = fileURLToPath(new URL("../../examples/orders/orders.js", import.meta.url));

it("the example of the kitchen serves every order and leaves nothing behind", async () => {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-example-"));
  try {
    // Run as a user does, so with the built packages.
    const example = spawn(process.execPath, [ORDERS], {
      env: { ...process.env, TMPDIR: directory },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 20_000,
    });
    const [stdout, stderr, [code, signal]] = await Promise.all([text(example.stdout), text(example.stderr), once(example, "close")]);
    expect({ code, signal, stderr }, stdout).toEqual({ code: 0, signal: null, stderr: "" });
    const lines = stdout.trimEnd().split("\n");
    expect(lines.at(-1)).toBe("counts  3 published = 3 acked + 0 ready + 0 in flight + 0 dead");
    expect(lines).toEqual(expect.arrayContaining(["cook    dropped the hake", "cook    served hake, attempt 2"]));
    expect(await readdir(directory)).toEqual([]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
