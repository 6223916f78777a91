import { resolve } from "node:path";
import { HoldfastError } from "holdfast-client/protocol";
import { writeBackup } from "../../backup/backup-file.js";
import { BackupStream } from "../../backup/backup-stream.js";
import { type Clock, systemClock } from "../../clock.js";
import { FORMAT_VERSION } from "../../core/catalog.js";
import type { Engine } from "../../engine.js";
import { type Log, silentLog } from "../../log.js";
import { programVersion } from "../../program-version.js";
import { StoredEngine } from "../stored-engine.js";
import { createLevelStore } from "./create-level-store.js";

export interface LevelEngineOptions {
  /** Created when it is missing; used by one process at a time. */
  readonly directory: string;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Is told when a store of an older format is migrated, and where a backup of it as it was is kept; and when the disk is full. */
  readonly log?: Log;
  /** Is told when LevelDB's tables were read, after the store was opened and once a day, and what is damaged, if anything is. */
  readonly onPatrolled?: (damage: string | undefined) => void;
}

/**
 * The embedded engine: LevelDB in a directory of this machine. A commit is on disk before it is confirmed.
 *
 * @example const holdfast = await Holdfast.open({ directory: "./data" });
 */
export function createLevelEngine({
  directory,
  clock = systemClock,
  random = Math.random,
  log = silentLog,
  onPatrolled = () => undefined,
}: LevelEngineOptions): Engine {
  const patrolled = (damage: string | undefined): void => {
    if (damage !== undefined) {
      const what = `the store in ${directory} is damaged: ${damage}`;
      log.error(`${what}; nothing is served any more. Stop the server and look with holdfast doctor`);
      void engine.fail(new HoldfastError("ENGINE_UNAVAILABLE", what));
    }
    onPatrolled(damage);
  };
  const engine = new StoredEngine({
    name: "level",
    store: createLevelStore(directory, { patrol: { clock, patrolled } }),
    clock,
    random,
    keepOld: async (backup) => {
      const { storeVersion } = backup;
      const path = `${resolve(directory)}.v${storeVersion}.hfbackup`;
      await writeBackup(new BackupStream(backup, clock.now(), programVersion()), path);
      log.info(`the store in ${directory} goes from format version ${storeVersion} to ${FORMAT_VERSION}; as it was it is kept in ${path}`);
    },
    onDiskFull: (isFull) => {
      if (isFull) log.warn(`the disk of ${directory} has too little space left: messages are refused with DISK_FULL, consumers go on`);
      else log.info(`the disk of ${directory} has space again: messages are stored`);
    },
  });
  return engine;
}
