import { HoldfastError } from "holdfast-client/protocol";
import { FORMAT_VERSION } from "../core/catalog.js";
import { metaKey } from "../core/keys.js";
import type { Store } from "../store.js";

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

/** What a store says of itself; undefined when that is damaged. */
export function parseMeta(stored: Uint8Array): StoredMeta | undefined {
  try {
    const meta = JSON.parse(Buffer.from(stored).toString("utf8")) as StoredMeta;
    return Number.isInteger(meta.life) && Number.isInteger(meta.nextQueue) ? meta : undefined;
  } catch {
    return undefined;
  }
}

/** As `parseMeta`; `ENGINE_UNAVAILABLE` when it is damaged. */
export function unpackMeta(stored: Uint8Array): StoredMeta {
  const meta = parseMeta(stored);
  if (meta !== undefined) return meta;
  throw new HoldfastError("ENGINE_UNAVAILABLE", "what the store says of its format is damaged: see `holdfast doctor`");
}

/** Greater than every key that a program of Holdfast, or another one, has any use for. */
const LAST_KEY = Buffer.alloc(16, 0xff);

/**
 * `ENGINE_UNAVAILABLE` for a store that says nothing of itself and has entries all the same: the first commit says it, with all else,
 * so it lost what it said, or is of another program. Numbers that are in use would be given again in it.
 */
export async function assertNew(store: Pick<Store, "read">): Promise<void> {
  const [entry] = await store.read({ from: metaKey, to: LAST_KEY, entriesMax: 1, bytesMax: 1 });
  if (entry === undefined) return;
  throw new HoldfastError(
    "ENGINE_UNAVAILABLE",
    "the store has entries, and none that says its format: it is damaged (see `holdfast doctor`), or not of Holdfast",
  );
}

/** `ENGINE_UNAVAILABLE` when a newer program wrote the store, or none that this one knows. */
export function assertVersion({ version }: StoredMeta): void {
  if (Number.isInteger(version) && version >= 1 && version <= FORMAT_VERSION) return;
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
