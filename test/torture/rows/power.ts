import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { whyNoMount } from "../../crash/small-disk.js";
import { whyNoStrace } from "../../crash/strace.js";
import { type ImagesDone, type ImagesTask, momentsOf } from "../power/images.js";
import { record } from "../power/recording.js";
import type { ImagesWord } from "../power/worker.js";
import { type Row, scaled } from "../row.js";

const IMAGES = 100_000;
const SYNCS = 1_000;
const RECORD_MS = 12_000;
const RECORD_MS_MIN = 2_000;
/** There are fewer different images at some moments than are asked for. */
const SPARE = 1.5;
const IMAGES_PER_MOMENT_MIN = 4;
const WORKER = fileURLToPath(new URL("./torture-images.js", import.meta.url));
const MEMORY = "/dev/shm";
const MEMORY_BYTES = 256 * 1024 * 1024;

export const power: Row = {
  number: 3,
  title: "Loss of power",
  method:
    "`strace` records every write, sync, rename and removal of a loaded server. At each sync power is lost in many ways: any 512-byte sectors of what was not synced survive, files have any length, names are lost. The real engine opens what is left.",
  target: "100,000 distinct images of 1,000 syncs: 0 violations, all reopen",
  fullMinutes: 40,
  missing: () => whyNoStrace() ?? whyNoMount() ?? whyNoMemory(),
  async run(context) {
    const { directory, random, scale } = context;
    context.progress("recording");
    const ms = Math.max(RECORD_MS_MIN, Math.round(RECORD_MS * Math.min(1, scale * 4)));
    const recording = await record(directory, random.below(2 ** 31), ms);
    const wanted = scaled(IMAGES, scale);
    const moments = await momentsOf(recording);
    const imagesPerMoment = Math.max(IMAGES_PER_MOMENT_MIN, Math.ceil((wanted / moments) * SPARE));
    const workers = availableParallelism();
    const parts = workers * Math.max(1, Math.floor((moments * imagesPerMoment) / wanted / SPARE));
    const counts = new Map<number, number>();
    const onImages = (part: number, images: number): void => {
      counts.set(part, images);
      context.progress(`${[...counts.values()].reduce((sum, count) => sum + count, 0)} images`);
    };
    const tasks = Array.from({ length: workers }, (_, part) => ({ recording, seed: random.below(2 ** 31), part, parts, imagesPerMoment }));
    const done = await Promise.all(tasks.map((task) => employ(task, (images) => onImages(task.part, images))));
    return resultOf(done);
  },
};

function resultOf(done: readonly ImagesDone[]): { figure: string; failures: string[]; complete: boolean } {
  const images = done.reduce((sum, one) => sum + one.images, 0);
  const failures = done.flatMap((one) => one.failures);
  const { syncs = 0, told = 0, moments = 0 } = done[0] ?? {};
  if (told < syncs) failures.push(`vacuous: only ${told} receipts and deliveries at ${syncs} syncs`);
  const figure = `${images} images at ${moments} moments around ${syncs} syncs, ${told} receipts and deliveries to keep`;
  return { figure, failures, complete: images >= IMAGES && syncs >= SYNCS };
}

async function employ(task: Omit<ImagesTask, "directory">, onImages: (images: number) => void): Promise<ImagesDone> {
  const directory = mkdtempSync(join(MEMORY, "holdfast-images-"));
  const worker = fork(WORKER, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  try {
    let done: ImagesDone | undefined;
    worker.on("message", (word: ImagesWord) => {
      if ("images" in word) onImages(word.images);
      else done = word.done;
    });
    worker.send({ ...task, directory });
    await once(worker, "exit");
    if (done === undefined) throw new Error(`a worker ended with ${worker.exitCode ?? worker.signalCode}`);
    return done;
  } finally {
    worker.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Images are laid out in memory: a disk would be far too slow. */
function whyNoMemory(): string | undefined {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    return bavail * bsize < MEMORY_BYTES ? `${MEMORY} has less than ${MEMORY_BYTES} bytes free` : undefined;
  } catch (error) {
    return `there is no ${MEMORY}: ${error instanceof Error ? error.message : String(error)}`;
  }
}
