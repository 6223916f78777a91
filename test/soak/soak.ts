import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { freePort, ServerProcess } from "../crash/server-process.js";
import type { Random } from "../simulation/random.js";
import { runChapter } from "./chapter.js";
import type { Mark } from "./chart.js";
import { type Measured, measure, violationsOf } from "./measure.js";
import { CSV_HEAD, readCsv } from "./sample.js";

const PROBE = pathToFileURL(fileURLToPath(new URL("./soak-probe.js", import.meta.url))).href;
const MINUTE_MS = 60_000;
/** A history is judged whole, so it must not become too long. */
const CHAPTER_MS_MAX = MINUTE_MS;
const CHAPTERS_MIN = 3;
const CHAPTER_MS_MIN = 20_000;
/** A process that is ended lives so long at most, and a part of the run. */
const LIFE_MS_MAX = 5 * MINUTE_MS;
const LIVES_MIN = 3;
/** Of a run that is longer, one process has all but this part: what rises shows in a long life only. */
const LONG_MS = 15 * MINUTE_MS;
const RESTLESS_PART = 1 / 3;
const GRACE_MS = 300;
/**
 * The C library keeps what is freed for whoever asks next, more of it with each large piece that was freed, so what is resident
 * would rise for hours although nothing more is used. These keep it from learning that.
 */
const ALLOCATOR = ["MALLOC_TRIM_THRESHOLD_=131072", "MALLOC_MMAP_THRESHOLD_=131072"];

export interface SoakOptions {
  readonly minutes: number;
  readonly random: Random;
  /** For the store and the histories; must be there. */
  readonly directory: string;
  /** Where the samples go. */
  readonly samples: string;
  progress(text: string): void;
}

export interface SoakResult {
  readonly minutes: number;
  readonly messages: number;
  readonly marks: readonly Mark[];
  readonly measured: readonly Measured[];
  readonly failures: readonly string[];
}

/** Load of every kind and chaos, chapter by chapter, on one store; what a history of it says, and what the server needed. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  const { minutes, directory, samples, random, progress } = options;
  const data = join(directory, "data");
  mkdirSync(data);
  writeFileSync(samples, CSV_HEAD);
  const probe = [`NODE_OPTIONS=--import=${PROBE}`, `HOLDFAST_SOAK_SAMPLES=${samples}`, `HOLDFAST_SOAK_DATA=${data}`, ...ALLOCATOR];
  const server = new ServerProcess(data, await freePort(), ["env", ...probe], ["--disconnect-grace-ms", String(GRACE_MS)]);
  const marks: Mark[] = [];
  const failures: string[] = [];
  let messages = 0;
  const plan = planOf(minutes * MINUTE_MS);
  const mark = (what: Mark["what"]): void => void marks.push({ atMs: Date.now(), what });
  const begin = performance.now();
  const elapsed = (): number => performance.now() - begin;
  try {
    await server.start();
    for (let number = 1; elapsed() < minutes * MINUTE_MS && failures.length === 0; number++) {
      const life = Math.ceil(number / plan.chaptersPerLife);
      const isLast = number % plan.chaptersPerLife === 0 && elapsed() < plan.restlessMs;
      const isKilled = isLast && life % 2 === 1;
      const chapter = { number, server, data, directory, random, ms: plan.chapterMs, onKill: isKilled ? () => mark("kill") : undefined };
      const result = await runChapter(chapter);
      failures.push(...result.failures);
      messages += result.counts.published + result.talked;
      if (isLast && !isKilled) {
        mark("restart");
        await server.stop();
        await server.start();
      }
      progress(`${Math.round(elapsed() / MINUTE_MS)} of ${minutes} minutes, ${messages} messages`);
    }
  } finally {
    await server.kill();
  }
  const measured = measure(existsSync(samples) ? readCsv(readFileSync(samples, "utf8")) : []);
  failures.push(...violationsOf(measured));
  return { minutes: elapsed() / MINUTE_MS, messages, marks, measured, failures };
}

interface Plan {
  readonly chapterMs: number;
  readonly chaptersPerLife: number;
  /** Until then processes are ended. */
  readonly restlessMs: number;
}

function planOf(ms: number): Plan {
  const chapterMs = Math.max(CHAPTER_MS_MIN, Math.min(CHAPTER_MS_MAX, ms / CHAPTERS_MIN));
  return {
    chapterMs,
    chaptersPerLife: Math.max(1, Math.round(Math.min(LIFE_MS_MAX, ms / LIVES_MIN) / chapterMs)),
    restlessMs: ms < LONG_MS ? ms : ms * RESTLESS_PART,
  };
}
