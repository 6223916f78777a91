import { FORMAT_VERSION } from "../core/catalog.js";
import * as keys from "../core/keys.js";
import { LIVES, packMeta, type StoredMeta, unpackMeta } from "../engines/meta.js";
import type { Entry, Store } from "../store.js";
import { damagedBackup } from "./backup-format.js";

/**
 * Writes the entries of a backup into a new store, which is open. Until the last one is there the store says that it is
 * being restored, and no engine opens it.
 *
 * What is restored goes on with lives of its own: the server that was backed up went on counting its lives, and so may
 * another one that is restored from the same backup. Tokens and acknowledgement ids of one must not fit the other.
 *
 * @param random from 0 (included) to 1 (not)
 */
export async function restoreBackup(store: Store, pages: AsyncIterable<readonly Entry[]>, random: () => number): Promise<void> {
  await store.write([{ key: keys.metaKey, value: packMeta({ version: FORMAT_VERSION, life: 0, nextQueue: 1, restoring: true }) }]);
  let meta: StoredMeta | undefined;
  for await (const page of pages) {
    const isMeta = ([key]: Entry): boolean => keys.metaKey.equals(key);
    meta ??= page.filter(isMeta).map(([, value]) => unpackMeta(value))[0];
    const writes = page.filter((entry) => !isMeta(entry)).map(([key, value]) => ({ key, value }));
    if (writes.length > 0) await store.write(writes);
  }
  if (meta === undefined) throw damagedBackup("it does not say which format its entries have");
  // It was written as this program writes: an older one must not take it for its own.
  await store.write([{ key: keys.metaKey, value: packMeta({ ...meta, version: FORMAT_VERSION, life: Math.floor(random() * LIVES) }) }]);
}
