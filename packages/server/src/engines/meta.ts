import { HoldfastError } from "holdfast-client/protocol";
import { FORMAT_VERSION } from "../core/catalog.js";

/** Lives are counted modulo this: see `Engine.life`. */
export const LIVES = 2 ** 20;

/** What a store says of itself. */
export interface StoredMeta {
  /** Of the form of its entries. */
  readonly version: number;
  readonly life: number;
  readonly nextQueue: number;
  /** A backup is being written into it: it does not have everything yet. */
  readonly restoring?: true;
}

export const packMeta = (meta: StoredMeta): Buffer => Buffer.from(JSON.stringify(meta), "utf8");

export const unpackMeta = (stored: Uint8Array): StoredMeta => JSON.parse(Buffer.from(stored).toString("utf8")) as StoredMeta;

/** `ENGINE_UNAVAILABLE` when a newer program wrote the store. */
export function assertVersion({ version }: StoredMeta): void {
  if (version <= FORMAT_VERSION) return;
  throw new HoldfastError(
    "ENGINE_UNAVAILABLE",
    `the store has format version ${version}, this program reads versions up to ${FORMAT_VERSION}`,
  );
}

/** As `unpackMeta`; `ENGINE_UNAVAILABLE` when an engine of this program must not use the store. */
export function readMeta(stored: Uint8Array): StoredMeta {
  const meta = unpackMeta(stored);
  assertVersion(meta);
  if (meta.restoring === true) {
    throw new HoldfastError(
      "ENGINE_UNAVAILABLE",
      "the store holds a part of a backup: its restore was interrupted; empty it and restore again",
    );
  }
  return meta;
}
