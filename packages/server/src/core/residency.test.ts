import { describe, expect, it } from "vitest";
import { Block } from "./block.js";
import { CommitBuilder } from "./commit.js";
import { Compactor } from "./compactor.js";
import { defaultOptions } from "../options.js";
import { Queue } from "./queue.js";
import { Residency } from "./residency.js";
import { Windows } from "./window.js";

const BLOCK_BYTES = 512 * 1024;
const MIB = 1024 * 1024;

describe("bytes of blocks in memory", () => {
  const residency = new Residency();
  const compactor = new Compactor(new CommitBuilder(), residency, { get: () => undefined, random: () => 0 });
  const windows = new Windows(residency, compactor);
  const queue = new Queue(1, "/", "orders", defaultOptions("orders"), 0);
  let next = 1;

  const enter = (): Block => {
    const record = new Uint8Array(BLOCK_BYTES);
    const traits = { expires: false, delayed: false, raised: false };
    const block = Block.pack(1, next++, 0, 0, 1, [record], record.length, traits);
    windows.enter(queue, block);
    return block;
  };

  it("C2: are what they are, also when a window is dropped whose messages expired", () => {
    for (let round = 0; round < 100; round++) {
      windows.settle(queue, enter(), 0);
      windows.drop(queue);
    }
    const blocks = Array.from({ length: (20 * MIB) / BLOCK_BYTES }, enter);
    for (const block of blocks) residency.pass(block);
    expect(blocks.filter(({ bytes }) => bytes !== undefined).length * BLOCK_BYTES).toBeLessThanOrEqual(16 * MIB);
  });
});
