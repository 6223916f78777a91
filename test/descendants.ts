import { existsSync, readdirSync } from "node:fs";
import { statOf } from "./process-stat.js";

const PROCESSES = "/proc";
const POLL_MS = 10;
const POLLS_MAX = 1_000;

/**
 * Kills whatever this process started, and what that started and is still the parent of, and waits until they are gone. Who traces one of them and has no
 * parent here (`strace -D`) ends with it. Elsewhere than on Linux nobody is found.
 */
export function endDescendants(): void {
  for (let polls = 0; polls < POLLS_MAX; polls++) {
    const pids = livingDescendants();
    if (pids.length === 0) return;
    for (const pid of pids) kill(pid);
    // Nothing else may happen here meanwhile, such as the start of another process in the place of one that ended.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself meanwhile.
  }
}

function livingDescendants(): number[] {
  if (!existsSync(PROCESSES)) return [];
  const children = new Map<number, number[]>();
  const living = new Set<number>();
  for (const pid of readdirSync(PROCESSES).map(Number).filter(Number.isInteger)) {
    const stat = statOf(pid);
    if (stat === undefined) continue;
    children.set(stat.parent, [...(children.get(stat.parent) ?? []), pid]);
    // A zombie with other threads may still have files open.
    if (stat.state !== "Z" || stat.threads > 1) living.add(pid);
  }
  const found = [...(children.get(process.pid) ?? [])];
  for (const pid of found) found.push(...(children.get(pid) ?? []));
  return found.filter((pid) => living.has(pid));
}
