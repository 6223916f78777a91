import { writeHeapSnapshot } from "node:v8";

/** What a process holds once its garbage is collected. */
export interface Memory {
  /** Objects, and bytes outside of the heap that belong to them. */
  readonly liveKib: number;
  /** What the system gave it, which it may keep when it needs less. */
  readonly residentKib: number;
}

/** Loaded into the server beside its own code. Asked for its memory, or, with a path, to write down all that it holds. */
async function answer(question: unknown): Promise<void> {
  if (typeof question === "string") writeHeapSnapshot(question);
  // What a first collection finalizes, a second one frees.
  for (let time = 0; time < 2; time++) {
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  const memory: Memory = { liveKib: (heapUsed + external) / 1_024, residentKib: rss / 1_024 };
  process.send?.(memory);
}

process.on("message", (question) => void answer(question));
// It does not keep the server from ending.
process.channel?.unref();
