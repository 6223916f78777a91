import { linkSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CrashedFile } from "./recorded-disk.js";

/** Files that the store changes in place. LevelDB changes none, but may begin one anew that it does not know of. */
const CHANGED = /^(journal-[ab]|blobs-\d+)$/;
/** They say nothing about what is stored. */
const IGNORED = new Set(["LOCK", "LOG", "LOG.old"]);
const RESERVE = "reserve";
const RESERVE_BYTES = 8 * 1024 * 1024;
const POOL_MAX = 2_000;

/** Whether a file of that name can differ between two images; the reserve is in all of them. */
export const differs = (name: string): boolean => !IGNORED.has(name) && name !== RESERVE;

/** Lays images of a crashed disk out as directories. Content that does not change is written once, and linked. */
export class ImageDirectory {
  readonly path: string;
  readonly #pool: string;
  /** When what is in the pool was written. */
  readonly #pooled = new Map<string, number>();
  readonly #linked: string[] = [];

  /** @param directory on a file system in memory, as there are many of them */
  constructor(directory: string) {
    this.path = join(directory, "image");
    this.#pool = join(directory, "pool");
    mkdirSync(this.#pool, { recursive: true });
    writeFileSync(join(this.#pool, RESERVE), Buffer.alloc(RESERVE_BYTES));
  }

  /** @param files those that differ */
  lay(files: readonly CrashedFile[]): void {
    rmSync(this.path, { recursive: true, force: true });
    this.#dropChanged();
    mkdirSync(this.path);
    for (const file of files) this.#layFile(file);
    linkSync(join(this.#pool, RESERVE), join(this.path, RESERVE));
  }

  #layFile({ name, identity, bytes }: CrashedFile): void {
    const at = join(this.path, name);
    if (CHANGED.test(name) || identity.includes("+")) {
      writeFileSync(at, bytes);
      return;
    }
    if (this.#pooled.size > POOL_MAX) this.#forget();
    const pooled = join(this.#pool, identity);
    if (!this.#pooled.has(identity)) {
      writeFileSync(pooled, bytes);
      this.#pooled.set(identity, statSync(pooled).mtimeMs);
    }
    linkSync(pooled, at);
    this.#linked.push(identity);
  }

  #dropChanged(): void {
    for (const identity of this.#linked.splice(0)) {
      const pooled = join(this.#pool, identity);
      if (!this.#pooled.has(identity) || statSync(pooled).mtimeMs === this.#pooled.get(identity)) continue;
      rmSync(pooled);
      this.#pooled.delete(identity);
    }
  }

  #forget(): void {
    for (const identity of this.#pooled.keys()) rmSync(join(this.#pool, identity));
    this.#pooled.clear();
  }
}

/** Names what a crash left, so that the same is not tried twice. */
export const identityOf = (files: readonly CrashedFile[]): string =>
  files
    .map(({ name, identity }) => `${name}=${identity}`)
    .sort()
    .join(" ");
