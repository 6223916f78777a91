import { readFileSync, writeFileSync } from "node:fs";
import { statOf } from "../process-stat.js";

/** Of Linux, whatever the machine. */
const MS_PER_TICK = 10;
const LOOK_MS = 100;

/** What a process has resident, in KiB. */
export const rssKib = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

/** What a process has taken of a processor so far, in ms. */
export function cpuMs(pid: number): number {
  const stat = statOf(pid);
  if (stat === undefined) throw new Error(`process ${pid} is not there`);
  return (stat.userTicks + stat.systemTicks) * MS_PER_TICK;
}

/** Watches the event loop of a server from inside, by a module that it loads before itself. */
export class LoopWatch {
  readonly #file: string;
  /** What runs the server. */
  readonly wrapper: readonly string[];

  /** @param path for its files, which begin with that */
  constructor(path: string) {
    this.#file = `${path}.json`;
    writeFileSync(
      `${path}.cjs`,
      `const { monitorEventLoopDelay } = require("node:perf_hooks");
       const { writeFileSync } = require("node:fs");
       const delays = monitorEventLoopDelay({ resolution: 5 });
       delays.enable();
       process.on("SIGUSR2", () => delays.reset());
       const show = () => writeFileSync(${JSON.stringify(this.#file)}, JSON.stringify([delays.percentile(99) / 1e6, delays.max / 1e6]));
       setInterval(show, ${LOOK_MS}).unref();`,
    );
    this.wrapper = ["env", `NODE_OPTIONS=--require=${path}.cjs`];
  }

  /** Begins anew. */
  reset(pid: number): void {
    process.kill(pid, "SIGUSR2");
  }

  /** How late the loop was since then, in ms. */
  get lag(): { readonly p99Ms: number; readonly maxMs: number } {
    const [p99Ms = Number.NaN, maxMs = Number.NaN] = JSON.parse(readFileSync(this.#file, "utf8")) as number[];
    return { p99Ms, maxMs };
  }
}
