import { hasFailed, type Judged, judge } from "./judge.js";
import { addTo, newTotals, type Totals } from "./totals.js";

/** Seeds for a worker. */
export interface Task {
  readonly first: number;
  readonly count: number;
  readonly operations: number;
}

/** What they came to. */
export interface TaskDone {
  readonly totals: Totals;
  readonly failed: readonly Judged[];
}

// Refusals are everyday answers here, and their stacks cost more than they do. A replay has them.
Error.stackTraceLimit = 0;

async function work({ first, count, operations }: Task): Promise<TaskDone> {
  const totals = newTotals();
  const failed: Judged[] = [];
  for (let seed = first; seed < first + count; seed++) {
    const judged = await judge(seed, operations);
    addTo(totals, judged);
    if (hasFailed(judged)) failed.push(judged);
  }
  return { totals, failed };
}

process.on("message", (task: Task) => {
  void work(task).then((done) => process.send?.(done));
});
