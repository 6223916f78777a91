import { forgetIdleProducers } from "./append.js";
import * as keys from "./keys.js";
import type { LogState } from "./log-state.js";

/** How often the producers of a log are looked through for idle ones. */
const PRODUCERS_CHECK_MS = 3_600_000;
/** Commits whose ids are forgotten with one commit. */
const IDS_EXPIRED_PER_COMMIT = 1_000;

/** Where the writes of a commit go. */
export interface Writer {
  write(key: Uint8Array, value: Uint8Array | undefined): void;
}

/** Writes what this commit changed of the producers and ids that a log remembers. */
export function sealDedup(log: LogState, commit: number, now: number, writer: Writer): void {
  const { number, ids, dedupWindowMs } = log;
  const producers = log.takeDirtyProducers();
  if (producers.length > 0 && now >= log.producersCheckedAt + PRODUCERS_CHECK_MS) forgetIdleProducers(log, now);
  if (log.idleProducers.length > 0) {
    for (const id of log.idleProducers) writer.write(keys.producerKey(number, id), undefined);
    log.idleProducers = [];
  }
  // After those, among which one may be that came back.
  for (const producer of producers) writer.write(keys.producerKey(number, producer.id), producer.pack());
  if (ids.isEmpty) return;
  const entries = ids.seal(commit);
  if (entries !== undefined) writer.write(keys.idsKey(number, commit), entries);
  for (const old of ids.expire(now, dedupWindowMs, IDS_EXPIRED_PER_COMMIT)) writer.write(keys.idsKey(number, old), undefined);
}
