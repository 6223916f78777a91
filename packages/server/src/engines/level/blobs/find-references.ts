import type { Store } from "../../../store.js";
import { entriesOf } from "../../pages.js";
import { recordBytes } from "./blob-record.js";
import { REFERENCE_BYTES, type References, SECRET_BYTES } from "./reference.js";
import type { Tally } from "./tallies.js";

/** All keys of the core, and none of a store's own. */
const EVERYTHING = { from: Buffer.of(0x01), to: Buffer.of(0xff) };

/** What a look at everything finds. */
export interface FoundReferences {
  /** By file: what its tally ought to say. */
  readonly tallies: Map<number, Tally>;
  /** Keys that refer to what no file has. */
  readonly missing: readonly Uint8Array[];
}

/** What references of a store begin with, as the first one says; undefined when there is none. A value of their kind is never as short. */
export async function findSecret(store: Pick<Store, "read">, isLarge: (key: Uint8Array) => boolean): Promise<Uint8Array | undefined> {
  for await (const [key, value] of entriesOf(store, EVERYTHING)) {
    if (isLarge(key) && value.length === REFERENCE_BYTES) return Buffer.from(value.subarray(0, SECRET_BYTES));
  }
  return undefined;
}

/**
 * Looks at everything a store has for what refers to blob files.
 *
 * @param sizes of the files, in bytes; without them nothing counts as missing
 */
export async function findReferences(
  store: Pick<Store, "read">,
  references: References,
  sizes?: ReadonlyMap<number, number>,
): Promise<FoundReferences> {
  const tallies = new Map<number, Tally>();
  const missing: Uint8Array[] = [];
  for await (const [key, value] of entriesOf(store, EVERYTHING)) {
    const reference = references.read(value);
    if (reference === undefined) continue;
    const { file, at } = reference;
    const bytes = recordBytes(key.length, reference.bytes);
    if (sizes !== undefined && at + bytes > (sizes.get(file) ?? 0)) {
      missing.push(key);
      continue;
    }
    const { end, liveBytes } = tallies.get(file) ?? { end: 0, liveBytes: 0 };
    tallies.set(file, { end: Math.max(end, at + bytes), liveBytes: liveBytes + bytes });
  }
  return { tallies, missing };
}

/** Which files are missing, or shorter than their tallies say. */
export function cutFiles(tallies: ReadonlyMap<number, Tally>, sizes: ReadonlyMap<number, number>): string[] {
  const found: string[] = [];
  for (const [file, { end }] of tallies) {
    const size = sizes.get(file);
    if (size === undefined) found.push(`blob file ${file} is missing`);
    else if (size < end) found.push(`blob file ${file} has ${size} bytes, expected ${end} or more`);
  }
  return found;
}

/** Which tallies do not say what a look at everything finds. */
export function wrongTallies(tallies: ReadonlyMap<number, Tally>, found: ReadonlyMap<number, Tally>): string[] {
  return [...new Set([...tallies.keys(), ...found.keys()])].flatMap((file) => {
    const said = tallies.get(file)?.liveBytes ?? 0;
    const counted = found.get(file)?.liveBytes ?? 0;
    return said === counted
      ? []
      : [`the tally of blob file ${file} says that ${said} bytes of it are in use, a scan of all entries finds ${counted}`];
  });
}
