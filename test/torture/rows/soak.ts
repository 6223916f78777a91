import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { verdictOf } from "../../soak/measure.js";
import { soak as run } from "../../soak/soak.js";
import { summaryOf } from "../../soak/summary.js";
import type { Row } from "../row.js";

const MINUTES = 60;
/** One chapter of it. */
const MINUTES_MIN = 1 / 3;

export const soak: Row = {
  number: 28,
  title: "Soak",
  method:
    "Queues of each order, delays, dead letters, purges, rooms, plain clients and clients with frames; clients that stand still or lose their connection, kills and restarts. Memory, descriptors, store and event loop are sampled every second (`npm run soak` draws them); a slope counts where its 95 % bounds do. The allocator gives back what is freed at once (`MALLOC_TRIM_THRESHOLD_` of glibc).",
  target: "60 minutes: 0 failures; resident memory and store rise by at most 1 % an hour",
  fullMinutes: MINUTES,
  async run({ directory, random, scale, progress }) {
    const output = join("test-output", "soak");
    mkdirSync(output, { recursive: true });
    const minutes = Math.max(MINUTES_MIN, MINUTES * scale);
    const result = await run({ minutes, random, directory, samples: join(process.cwd(), output, "samples.csv"), progress });
    const slopes = result.measured.filter(({ slope }) => slope !== undefined).map((one) => `${one.measure.name} ${verdictOf(one)}`);
    return { figure: [summaryOf(result), ...slopes].join("; "), failures: result.failures, complete: result.minutes >= MINUTES };
  },
};
