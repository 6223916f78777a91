import { spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { whyNot } from "./why-not.js";

/** A small file system in memory that a test can fill. */
export class SmallDisk {
  readonly path = mkdtempSync(join(tmpdir(), "holdfast-disk-"));
  readonly #filler = join(this.path, "filler");
  readonly #size: string;
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
    if (this.#mounted) {
      const { status, stderr } = spawnSync("umount", [this.path], { encoding: "utf8" });
      if (status !== 0) throw new Error(`${this.path} is still mounted: ${stderr}`);
    }
    rmdirSync(this.path);
  }
}

/** Why no file system can be mounted here; undefined when one can. */
export function whyNoMount(): string | undefined {
  const disk = new SmallDisk();
  const refused = disk.mount();
  disk.close();
  return refused;
}
