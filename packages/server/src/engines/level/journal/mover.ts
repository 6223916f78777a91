import type { Store, Write } from "../../../store.js";
import { Carrier } from "../carrier.js";
import { type Mark, writeOfMark } from "./mark.js";
import { DELETED, keyOf, type Overlay } from "./overlay.js";
import type { Overlays } from "./overlays.js";

/** What is moved to the store below at once. */
const MOVED_BYTES = 256 * 1024;
const MOVED_ENTRIES = 1_000;

/** Writes to the store below, one thing after the other: what a file says, batch by batch, and whatever else goes there. */
export class Mover {
  readonly #base: Store;
  readonly #overlays: Overlays;
  readonly #movedBytes: number;
  readonly #carrier: Carrier;
  #below: Promise<unknown> = Promise.resolve();

  constructor(base: Store, overlays: Overlays, movedBytes = MOVED_BYTES) {
    this.#base = base;
    this.#overlays = overlays;
    this.#movedBytes = movedBytes;
    this.#carrier = new Carrier(movedBytes);
  }

  /** Does one thing after the other with the store below. */
  inTurn(task: () => Promise<void>): Promise<void> {
    const done = this.#below.then(task);
    this.#below = done.catch(ignore);
    return done;
  }

  /** Resolves once all that was given is done, or has failed. */
  async idle(): Promise<void> {
    await this.#below;
  }

  /**
   * Moves what an overlay says, but for what the one that is being filled has a later word on.
   *
   * @param mark what comes after it, once nothing before that has to be read again
   * @returns how many bytes that were
   */
  async move(overlay: Overlay, mark: Mark | undefined): Promise<number> {
    const entries = overlay.entries();
    let moved = 0;
    for (let left = true; left; ) {
      await this.inTurn(async () => {
        const writes: Write[] = [];
        this.#carrier.empty();
        let bytes = 0;
        while (bytes < this.#movedBytes && writes.length < MOVED_ENTRIES) {
          const entry = entries.next();
          left = entry.done !== true;
          if (entry.done === true) break;
          const [text, change] = entry.value;
          if (this.#overlays.active?.overrides(overlay, text, change) === true) continue;
          const value = change.bytes === DELETED ? undefined : overlay.value(change, this.#carrier.take(change.bytes));
          writes.push({ key: keyOf(text), value, fresh: change.fresh });
          bytes += text.length + (value?.length ?? 0);
        }
        moved += bytes;
        if (!left && mark !== undefined) writes.push(writeOfMark(mark));
        if (writes.length > 0) await this.#base.write(writes);
      });
    }
    return moved;
  }

  /** The store below can only give back what it knows to be deleted, or put anew. */
  async reclaim(from: Uint8Array, to: Uint8Array): Promise<void> {
    const texts = this.#overlays.textsIn(from, to);
    for (let at = 0; at < texts.length; ) {
      await this.inTurn(async () => {
        const { writes, passed } = this.#overlays.changesBelow(texts, at, { bytesMax: this.#movedBytes, entriesMax: MOVED_ENTRIES });
        at += passed;
        if (writes.length > 0) await this.#base.write(writes);
      });
    }
    await this.#base.reclaim(from, to);
  }
}

const ignore = (): void => undefined;
