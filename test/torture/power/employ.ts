import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ImagesDone, ImagesTask } from "./images.js";
import type { ImagesWord } from "./worker.js";

const WORKER = fileURLToPath(new URL("./torture-images.js", import.meta.url));
/** A file system in memory. */
export const MEMORY = "/dev/shm";
const MEMORY_BYTES = 256 * 1024 * 1024;

/**
 * Has a process judge images.
 *
 * @param program that judges, with its engine
 */
export async function employ(
  task: Omit<ImagesTask, "directory">,
  onImages: (images: number) => void,
  program = WORKER,
): Promise<ImagesDone> {
  const directory = mkdtempSync(join(MEMORY, "holdfast-images-"));
  const worker = fork(program, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
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
export function whyNoMemory(): string | undefined {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    return bavail * bsize < MEMORY_BYTES ? `${MEMORY} has less than ${MEMORY_BYTES} bytes free` : undefined;
  } catch (error) {
    return `there is no ${MEMORY}: ${error instanceof Error ? error.message : String(error)}`;
  }
}
