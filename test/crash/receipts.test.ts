import { describe, expect, it } from "vitest";
import { whyNoStrace } from "./strace.js";
import { judgeReceipts, messagesOf } from "./traced-receipts.js";

const LOAD = { singles: 10_000, arrays: 1_500 };
const TOTAL = messagesOf(LOAD);

describe("receipts", () => {
  const missing = whyNoStrace();
  if (missing !== undefined) process.stdout.write(`the order of system calls is not checked: ${missing}\n`);

  it.skipIf(missing !== undefined)(
    `P1: ${TOTAL} receipts are sent only after the sync of the log that holds their messages`,
    async () => {
      const { matched, early, unstored, syncs, received } = await judgeReceipts(LOAD);
      process.stdout.write(`${matched} receipts matched to ${syncs} syncs; sent early: ${early.length}\n`);
      expect(received).toBe(TOTAL);
      expect({ early: early.slice(0, 5), unstored: unstored.slice(0, 5) }).toEqual({ early: [], unstored: [] });
      expect(matched).toBe(TOTAL);
      expect(syncs).toBeGreaterThan(LOAD.singles / 20);
    },
    180_000,
  );
});
