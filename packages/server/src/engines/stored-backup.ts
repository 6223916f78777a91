import { HoldfastError } from "holdfast-client/protocol";
import type { EngineBackup } from "../backing-up.js";
import type { Clock } from "../clock.js";
import { FORMAT_VERSION } from "../core/catalog.js";
import { EVERYTHING } from "../core/keys.js";
import type { Entry, Store, StoreSnapshot } from "../store.js";
import { looked } from "./looked.js";
import { justAfter } from "./pages.js";

const PAGE_BYTES = 512 * 1024;
const PAGE_ENTRIES = 4_096;
/** A snapshot keeps what is deleted meanwhile, so one that nobody reads is let go. */
const IDLE_MS = 60_000;

/** The backups of an engine: at most one at a time. */
export class StoredBackups {
  readonly #store: Store;
  readonly #clock: Clock;
  #current: StoredBackup | undefined;
  #opening = false;
  /** Rises when a life ends: what was begun before is not wanted any more. */
  #life = 0;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** @param storeVersion the format version of what the store has */
  async open(storeVersion = FORMAT_VERSION): Promise<EngineBackup> {
    if (this.#opening || this.#current?.isOpen === true) {
      throw new HoldfastError("RATE_LIMITED", "a backup is under way, expected one at a time");
    }
    const life = this.#life;
    this.#opening = true;
    let snapshot: StoreSnapshot;
    try {
      snapshot = await looked(this.#store.snapshot());
    } catch (error) {
      throw life === this.#life ? error : new HoldfastError("ENGINE_UNAVAILABLE", "the engine was closed before the backup began");
    } finally {
      this.#opening = false;
    }
    const backup = new StoredBackup(snapshot, this.#clock, storeVersion);
    if (life !== this.#life) await backup.close();
    else this.#current = backup;
    return backup;
  }

  /** The life ends. Resolves when the store may be closed. */
  async end(): Promise<void> {
    this.#life++;
    await this.#current?.close();
  }
}

class StoredBackup implements EngineBackup {
  readonly storeVersion: number;
  readonly #snapshot: StoreSnapshot;
  readonly #clock: Clock;
  #from: Uint8Array = EVERYTHING.from;
  #closed: Promise<void> | undefined;
  #cancelAlarm: () => void = () => undefined;

  constructor(snapshot: StoreSnapshot, clock: Clock, storeVersion: number) {
    this.#snapshot = snapshot;
    this.#clock = clock;
    this.storeVersion = storeVersion;
    this.#arm();
  }

  get isOpen(): boolean {
    return this.#closed === undefined;
  }

  async next(): Promise<readonly Entry[]> {
    this.#assertOpen();
    this.#cancelAlarm();
    const range = { from: this.#from, to: EVERYTHING.to, entriesMax: PAGE_ENTRIES, bytesMax: PAGE_BYTES };
    try {
      const page = await looked(this.#snapshot.read(range));
      this.#assertOpen();
      const last = page.at(-1);
      if (last !== undefined) this.#from = justAfter(last[0]);
      return page;
    } finally {
      // Also of one whose read failed: whoever reads it may never ask again.
      if (this.isOpen) this.#arm();
    }
  }

  #assertOpen(): void {
    if (this.isOpen) return;
    throw new HoldfastError("NOT_FOUND", `the backup has ended: nobody read it for ${IDLE_MS / 1_000} s, or the engine was closed`);
  }

  #arm(): void {
    this.#cancelAlarm = this.#clock.wakeAt(this.#clock.now() + IDLE_MS, () => void this.close());
  }

  close(): Promise<void> {
    this.#cancelAlarm();
    // A store that failed has closed it.
    this.#closed ??= this.#snapshot.close().catch(() => undefined);
    return this.#closed;
  }
}
