import { fork } from "node:child_process";
import { once } from "node:events";
import { statfsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { temporaryDirectory } from "../../leftovers.js";
import type { ImagesDone, ImagesTask } from "./images.js";
import type { ImagesWord } from "./worker.js";

const WORKER = fileURLToPath(new URL("./torture-images.js", import.meta.url));
/** A file system in memory. */
export const MEMORY = "/dev/shm";
const MEMORY_BYTES = 256 * 1024 * 1024;
const WORKERS = availableParallelism();
/** Files in memory make nobody wait, and handing work from thread to thread costs more than the work. */
const ONE_THREAD = { UV_THREADPOOL_SIZE: "1" };

/**
 * Has a process judge images.
 *
 * @param program that judges, with its engine
 */
async function employ(task: Omit<ImagesTask, "directory">, onImages: (images: number) => void, program: string): Promise<ImagesDone> {
  const { path: directory, remove } = temporaryDirectory("holdfast-images-", MEMORY);
  const worker = fork(program, { stdio: ["ignore", "ignore", "inherit", "ipc"], env: { ...process.env, ...ONE_THREAD } });
  try {
    let done: ImagesDone | undefined;
    worker.on("message", (word: ImagesWord) => {
      if ("images" in word) {
        onImages(word.images);
        return;
      }
      done = word.done;
      worker.disconnect();
    });
    worker.send({ ...task, directory });
    await once(worker, "exit");
    if (done === undefined) throw new Error(`a worker ended with ${worker.exitCode ?? worker.signalCode}`);
    return done;
  } finally {
    worker.kill("SIGKILL");
    remove();
  }
}

/** What several processes are to judge: each takes every moment of its own among `parts`. */
export interface SharedTask extends Omit<ImagesTask, "directory" | "seed" | "part" | "parts"> {
  /** Of so many moments one is looked at. */
  readonly thinning: number;
  /** Draws what chance begins with, for each of them. */
  readonly seed: () => number;
}

/** Has as many processes judge images as the machine keeps busy. `onImages` is told how many they judged together. */
export function employAll(
  { thinning, seed, ...task }: SharedTask,
  onImages: (images: number) => void,
  program = WORKER,
): Promise<ImagesDone[]> {
  const parts = WORKERS * thinning;
  const counts = new Array<number>(WORKERS).fill(0);
  const judged = (part: number, images: number): void => {
    counts[part] = images;
    onImages(counts.reduce((sum, count) => sum + count, 0));
  };
  const tasks = counts.map((_, part) => ({ ...task, seed: seed(), part, parts }));
  return Promise.all(tasks.map((one) => employ(one, (images) => judged(one.part, images), program)));
}

/** Images are laid out in memory: a disk would be far too slow. */
export function whyNoMemory(): string | undefined {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    return bavail * bsize < MEMORY_BYTES ? `${MEMORY} has less than ${MEMORY_BYTES} bytes free` : undefined;
  } catch (error) {
    const isAbsent = error instanceof Error && "code" in error && error.code === "ENOENT";
    return isAbsent ? `there is no ${MEMORY}` : `${MEMORY} cannot be used: ${error instanceof Error ? error.message : String(error)}`;
  }
}
