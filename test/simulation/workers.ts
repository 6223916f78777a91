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
}

/** Gives seeds out to processes, and hands back what each task came to. Resolves when all are done. */
export async function shareOut({ first, seeds, operations, workers }: Share, onDone: (done: TaskDone) => void): Promise<void> {
  const end = first + seeds;
  let next = first;
  const take = (): Task | undefined => {
    if (next >= end) return undefined;
    const task = { first: next, count: Math.min(SEEDS_PER_TASK, end - next), operations };
    next += task.count;
    return task;
  };
  const count = Math.min(workers, Math.ceil(seeds / SEEDS_PER_TASK));
  await Promise.all(Array.from({ length: count }, () => employ(take, onDone)));
}

function employ(take: () => Task | undefined, onDone: (done: TaskDone) => void): Promise<void> {
  const worker: ChildProcess = fork(fileURLToPath(new URL("./worker.js", import.meta.url)), { execArgv: NODE_OPTIONS });
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
