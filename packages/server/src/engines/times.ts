import type { Clock } from "../clock.js";
import type { Core } from "../core/core.js";
import type { Horizon } from "../core/horizon.js";
import * as keys from "../core/keys.js";
import type { Queue } from "../core/queue.js";
import type { Entry, Store } from "../store.js";
import { alone } from "./dead-letters.js";
import type { DiskSpace } from "./disk-space.js";
import { justAfter } from "./pages.js";
import type { Steps } from "./steps.js";

/** What one commit moves or lets die, so that traffic goes on between. */
const ENTRIES_MAX = 1_000;
const BYTES_MAX = 1_048_576;
/** While the disk is full so much may be in the log of a queue, so that consumers have something to make room with. */
const FULL_BYTES_MAX = 65_536;
const FULL_WAIT_MS = 1_000;

/**
 * Moves delayed messages that are due into the log, a commit for each stretch of them, while the next is read. One at a time
 * for a queue. It ends early where consumers have enough, and the core asks for it again.
 */
export async function promoteDue(core: Core, store: Store, queue: Queue, clock: Clock, steps: Steps, space: DiskSpace): Promise<void> {
  const { horizon } = queue.delays;
  if (horizon.looking) return;
  horizon.looking = true;
  let moved = Promise.resolve();
  try {
    while (horizon.next <= clock.now() && !core.delays.rests(queue, clock.now())) {
      void space.check();
      const full = space.isFull;
      if (full && queue.bytes - queue.delays.bytes >= FULL_BYTES_MAX) {
        // A move needs room before it gives some back.
        await new Promise<void>((resolve) => clock.wakeAt(clock.now() + FULL_WAIT_MS, resolve));
        steps.run(() => undefined);
        continue;
      }
      const entries = await readOn(store, horizon, keys.delayedRange(queue.number), full ? FULL_BYTES_MAX : BYTES_MAX);
      await moved;
      steps.run(() => core.delays.promote(queue, entries, clock.now()));
      moved = steps.durable();
      // It is waited for above or below, unless the store fails before.
      moved.catch(ignore);
    }
    await moved;
  } finally {
    horizon.looking = false;
  }
  core.lookAtTimes(queue, clock.now());
}

/** Lets messages die that expired without being asked for, a commit for each stretch of them. One at a time for a queue. */
export async function endExpired(core: Core, store: Store, queue: Queue, clock: Clock, steps: Steps): Promise<void> {
  const { expiry } = queue;
  if (expiry.looking) return;
  expiry.looking = true;
  try {
    while (expiry.next <= clock.now()) {
      await alone(queue, async () => {
        const now = clock.now();
        while (queue.isRead) await steps.readEnded();
        // Whatever is in the index for a time up to now was put there before, so after this it shows in memory.
        await steps.durable();
        const entries = await readOn(store, expiry, keys.expiryRange(queue.number), BYTES_MAX);
        steps.run(() => core.expiry.look(queue, entries, now));
        await steps.durable();
      });
      steps.looked(queue);
    }
  } finally {
    expiry.looking = false;
  }
  core.lookAtTimes(queue, clock.now());
}

/** Reads what comes after the place that was looked at last. */
function readOn(
  store: Store,
  horizon: Horizon,
  range: { readonly from: Uint8Array; readonly to: Uint8Array },
  bytesMax: number,
): Promise<readonly Entry[]> {
  horizon.begin();
  const from = horizon.passed === undefined ? range.from : justAfter(horizon.passed);
  return store.read({ from, to: range.to, entriesMax: ENTRIES_MAX, bytesMax });
}

const ignore = (): void => undefined;
