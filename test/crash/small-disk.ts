import { spawnSync } from "node:child_process";
import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { leftover, temporaryDirectory } from "../leftovers.js";
import { whyNot } from "./why-not.js";

/** A small file system in memory that a test can fill. */
export class SmallDisk {
  readonly #directory = temporaryDirectory("holdfast-disk-");
  readonly path = this.#directory.path;
  readonly #filler = join(this.path, "filler");
  readonly #size: string;
  readonly #unmount = leftover(() => this.#unmountNow());
  #mounted = false;

  /** @param size as `mount` takes it */
  constructor(size = "64m") {
    this.#size = size;
  }

  /** Mounts it; gives the reason when that may not be, in one line. */
  mount(): string | undefined {
    const run = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${this.#size}`, "tmpfs", this.path], { encoding: "utf8" });
    const why = whyNot("mount", run);
    this.#mounted = why === undefined;
    return why && `no file system can be mounted: ${why}`;
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Takes every byte that is free now; what others give up afterwards is left to them. */
  fill(): void {
    if (!this.#mounted) throw new Error("that would fill the disk of this machine");
    try {
      writeFileSync(this.#filler, Buffer.alloc(this.freeBytes));
    } catch (error) {
      // Somebody else wrote meanwhile, so the last page was not there any more.
      if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
    }
  }

  /** Gives back what `fill` took. */
  empty(): void {
    rmSync(this.#filler);
  }

  close(): void {
    this.#unmount();
    this.#directory.remove();
  }

  #unmountNow(): void {
    const why = this.#mounted ? whyNot("umount", spawnSync("umount", [this.path], { encoding: "utf8" })) : undefined;
    if (why !== undefined) throw new Error(`${this.path} is still mounted: ${why}`);
    this.#mounted = false;
  }
}

/** Why no file system can be mounted here; undefined when one can. */
export function whyNoMount(): string | undefined {
  const disk = new SmallDisk();
  const refused = disk.mount();
  disk.close();
  return refused;
}
