import type { Write } from "../store.js";

/** Something in a store that should not be so. */
export interface Finding {
  /** Of which queue or room; undefined of the store as a whole. */
  readonly of?: string;
  /** What was found and what it means. */
  readonly what: string;
  /** What mending does about it; undefined when it can do nothing. */
  readonly mend?: string;
  /** What that writes. Counts are written anew as well, by whoever examines. */
  readonly writes?: readonly Write[];
}

/** A line of the report. */
export interface Examined {
  readonly kind: "queue" | "room" | "inbox";
  readonly namespace: string;
  readonly name: string;
  readonly blocks: number;
  readonly messages: number;
  readonly bytes: number;
  /** Of a room. */
  readonly members?: number;
  readonly findings: number;
}

export interface Examination {
  /** The format version of the store; undefined when it could not be looked at, or says none. */
  readonly version: number | undefined;
  /** Records of the journal that are not in LevelDB yet. */
  readonly journalRecords: number;
  readonly examined: readonly Examined[];
  readonly findings: readonly Finding[];
  /** What mending writes. */
  readonly writes: readonly Write[];
}
