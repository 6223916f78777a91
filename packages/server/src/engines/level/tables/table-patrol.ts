import type { Clock } from "../../../clock.js";
import { examineManifest, type Manifest } from "../manifest/examine-manifest.js";
import { TableReader, textOfDamage } from "./table-reader.js";

/** So much is read at once, which takes some 50 ms; of more, so much in a second: about two percent of a processor. */
const AT_ONCE_BYTES = 16 * 1024 * 1024;
const BYTES_PER_MS = 8 * 1024;
const ROUND_MS = 24 * 60 * 60 * 1_000;

export interface TablePatrolOptions {
  readonly directory: string;
  readonly clock: Clock;
  /**
   * Is told when each table was looked at: what is damaged, in a few words; undefined when nothing is. After a damage
   * the patrol is over.
   */
  readonly patrolled: (damage: string | undefined) => void;
}

/**
 * Reads LevelDB's tables while the store is open, slowly, once after it was opened and then once a day, since LevelDB does not look
 * at their CRCs: what was in a block whose keys changed would be missing, and nobody would know.
 */
export class TablePatrol {
  readonly #options: TablePatrolOptions;
  #damage: string | undefined;
  /** Read before the store was opened, so not again in the first round. */
  readonly #looked = new Set<string>();
  #isOver = true;
  #wake: (() => void) | undefined;
  #going: Promise<void> = Promise.resolve();

  constructor(options: TablePatrolOptions) {
    this.#options = options;
  }

  /** What was found in any life of the store. */
  get damage(): string | undefined {
    return this.#damage;
  }

  /**
   * The store is about to be opened: reads the newest of its tables, which LevelDB merges first, and so would hide what is damaged there.
   * What is damaged, if anything is.
   */
  async look({ tables }: Manifest): Promise<string | undefined> {
    this.#looked.clear();
    const reader = new TableReader(this.#options.directory);
    let read = 0;
    for (const name of [...tables.keys()].sort((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10))) {
      const { bytes, damaged } = await reader.examine(name).catch(() => NOT_READ);
      if (damaged !== undefined) this.#damage = textOfDamage(damaged);
      read += bytes;
      if (bytes > 0) this.#looked.add(name);
      if (damaged !== undefined || read > AT_ONCE_BYTES) break;
    }
    return this.#damage;
  }

  /** The store was opened. */
  begin(): void {
    this.#isOver = false;
    this.#going = this.#go();
  }

  /** Resolves when it reads nothing any more. */
  async end(): Promise<void> {
    this.#isOver = true;
    this.#wake?.();
    await this.#going;
  }

  async #go(): Promise<void> {
    while (!this.#isOver && this.#damage === undefined) {
      await this.#round();
      await this.#pause(ROUND_MS);
    }
  }

  async #round(): Promise<void> {
    const { directory, patrolled } = this.#options;
    // One that cannot be read now is read in the next round, or by LevelDB, which says so.
    const { tables } = await examineManifest(directory).catch(() => NO_TABLES);
    const reader = new TableReader(directory);
    let read = 0;
    for (const name of tables.keys()) {
      if (this.#looked.delete(name)) continue;
      const { bytes, damaged } = await reader.examine(name).catch(() => NOT_READ);
      if (this.#isOver) return;
      if (damaged !== undefined) {
        this.#damage = textOfDamage(damaged);
        break;
      }
      read += bytes;
      if (read > AT_ONCE_BYTES) await this.#pause(bytes / BYTES_PER_MS);
    }
    if (!this.#isOver) patrolled(this.#damage);
  }

  #pause(ms: number): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => {
      if (this.#isOver) return resolve();
      const cancel = clock.wakeAt(clock.now() + ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

const NO_TABLES = { tables: new Map<string, number>() };
const NOT_READ = { bytes: 0, damaged: undefined };
