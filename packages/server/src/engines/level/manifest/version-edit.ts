import { Fields } from "../fields.js";

/** A table of LevelDB. */
interface TableFile {
  readonly number: number;
  readonly bytes: number;
}

/** What a record of a manifest changes in the set of tables, and in what else LevelDB must know. Source: LevelDB's `db/version_edit.cc`. */
export interface VersionEdit {
  readonly added: readonly TableFile[];
  readonly removed: readonly number[];
  /** What is in logs from this one on is in no table yet. */
  readonly log?: number;
  readonly nextFile?: number;
  readonly lastSequence?: number;
}

const TAG = {
  comparator: 1,
  log: 2,
  nextFile: 3,
  lastSequence: 4,
  compactPointer: 5,
  removed: 6,
  added: 7,
  previousLog: 9,
} as const;

/** Undefined where it is not an edit. */
export function readVersionEdit(record: Buffer): VersionEdit | undefined {
  const fields = new Fields(record);
  const added: TableFile[] = [];
  const removed: number[] = [];
  const known: { log?: number; nextFile?: number; lastSequence?: number } = {};
  while (fields.hasMore) {
    switch (fields.number()) {
      case TAG.comparator:
        fields.skipText();
        break;
      case TAG.log:
        known.log = fields.number();
        break;
      case TAG.nextFile:
        known.nextFile = fields.number();
        break;
      case TAG.lastSequence:
        known.lastSequence = fields.number();
        break;
      case TAG.compactPointer:
        fields.number();
        fields.skipText();
        break;
      case TAG.removed:
        fields.number();
        removed.push(fields.number());
        break;
      case TAG.added:
        fields.number();
        added.push({ number: fields.number(), bytes: fields.number() });
        fields.skipText();
        fields.skipText();
        break;
      case TAG.previousLog:
        fields.number();
        break;
      default:
        return undefined;
    }
  }
  return fields.isSound ? { added, removed, ...known } : undefined;
}
