import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Task, TaskDone } from "./worker.js";

const SEEDS_PER_TASK = 20;
/** Histories are much short-lived memory, and other workers use the other cores. */
const NODE_OPTIONS = ["--max-semi-space-size=64", "--single-threaded-gc"];

/** Which runs there are to be, and by how many processes. */
export interface Share {
  readonly first: number;
  readonly seeds: number;
  readonly operations: number;
  readonly workers: number;
  /** What works on them, if not the program built beside this one. */
  readonly program?: string;
  /** Each is given so many at a time. */
  readonly seedsPerTask?: number;
  /** Whether no more need be given out. */
  enough?(): boolean;
  /** Ends all of it. */
  readonly signal?: AbortSignal;
}

/** Gives seeds out to processes, and hands back what each task came to. Resolves when all are done. */
export async function shareOut(share: Share, onDone: (done: TaskDone) => void): Promise<void> {
  const { first, seeds, operations, workers, seedsPerTask = SEEDS_PER_TASK } = share;
  const end = first + seeds;
  let next = first;
  const take = (): Task | undefined => {
    if (next >= end || share.enough?.() === true) return undefined;
    const task = { first: next, count: Math.min(seedsPerTask, end - next), operations };
    next += task.count;
    return task;
  };
  const count = Math.min(workers, Math.ceil(seeds / seedsPerTask));
  await Promise.all(Array.from({ length: count }, () => employ(share, take, onDone)));
}

function employ({ program, signal }: Share, take: () => Task | undefined, onDone: (done: TaskDone) => void): Promise<void> {
  const options = { execArgv: NODE_OPTIONS, killSignal: "SIGKILL", ...(signal && { signal }) } as const;
  const worker: ChildProcess = fork(program ?? fileURLToPath(new URL("./worker.js", import.meta.url)), options);
  return new Promise((resolve, reject) => {
    const give = (): void => {
      const task = take();
      if (task === undefined) worker.disconnect();
      else worker.send(task);
    };
    worker.on("message", (done: TaskDone) => {
      onDone(done);
      give();
    });
    worker.on("error", reject);
    worker.on("exit", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`a worker ended with exit code ${code}`));
    });
    give();
  });
}
