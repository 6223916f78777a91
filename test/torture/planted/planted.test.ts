import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { PlantedBug } from "./bug.js";
import { DISK_BUGS } from "./disk-bugs.js";
import { QUEUE_BUGS } from "./queue-bugs.js";
import { ROOM_BUGS } from "./room-bugs.js";
import { patched } from "./source-copy.js";

const SOURCE = new URL("../../../packages/server/src/", import.meta.url);
const BUGS = [...QUEUE_BUGS, ...ROOM_BUGS, ...DISK_BUGS];

describe("a planted bug fits into the source as it is", () => {
  it.each(BUGS)("$bug", ({ edits }: PlantedBug) => {
    for (const edit of edits) {
      const text = readFileSync(fileURLToPath(new URL(edit.file, SOURCE)), "utf8");
      expect(patched(text, edit)).not.toBe(text);
    }
  });
});

it("each planted bug has a name of its own", () => {
  expect(new Set(BUGS.map(({ bug }) => bug)).size).toBe(BUGS.length);
});

it("a patch that does not fit is refused, with what it looks for and how often that is there", () => {
  const edit = { file: "core/chain.ts", find: "frozen", replace: "thawed" };
  expect(() => patched("a chain", edit)).toThrow('the patch does not apply: core/chain.ts has 0 times "frozen", expected 1');
  expect(() => patched("frozen, frozen", edit)).toThrow("has 2 times");
});
