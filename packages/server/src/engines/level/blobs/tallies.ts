import type { Store, Write } from "../../../store.js";
import { entriesOf } from "../../pages.js";
import { damaged } from "./damaged.js";

/** What the store below says of a blob file, in the very commits that change it. */
export interface Tally {
  /** One past the last record that something refers to, or did. What the file has behind it is nothing. */
  readonly end: number;
  /** Of the records that something refers to. */
  readonly liveBytes: number;
}

/** No key of the core begins like this. */
const PREFIX = Buffer.of(0x00, 0x02);
const END = Buffer.of(0x00, 0x03);
const NUMBER_BYTES = 4;
const VALUE_BYTES = 12;

function keyOf(file: number): Buffer {
  const key = Buffer.alloc(PREFIX.length + NUMBER_BYTES);
  PREFIX.copy(key);
  key.writeUInt32BE(file, PREFIX.length);
  return key;
}

/** The tallies of all blob files, in the order of their numbers. */
export async function readTallies(store: Pick<Store, "read">): Promise<Map<number, Tally>> {
  const tallies = new Map<number, Tally>();
  for await (const [key, stored] of entriesOf(store, { from: PREFIX, to: END })) {
    const file = Buffer.from(key).readUInt32BE(PREFIX.length);
    if (stored.length !== VALUE_BYTES) throw damaged(`the tally of blob file ${file} has ${stored.length} bytes, expected ${VALUE_BYTES}`);
    const value = Buffer.from(stored);
    tallies.set(file, { end: value.readUIntLE(0, 6), liveBytes: value.readUIntLE(6, 6) });
  }
  return tallies;
}

function writeOf(file: number, { end, liveBytes }: Tally): Write {
  if (liveBytes === 0) return { key: keyOf(file), value: undefined };
  const value = Buffer.alloc(VALUE_BYTES);
  value.writeUIntLE(end, 0, 6);
  value.writeUIntLE(liveBytes, 6, 6);
  return { key: keyOf(file), value };
}

/** What makes the tallies of one state those of another. */
export function writesOfTallies(from: ReadonlyMap<number, Tally>, to: ReadonlyMap<number, Tally>): Write[] {
  const gone = [...from.keys()].filter((file) => !to.has(file));
  return [...gone.map((file) => writeOf(file, { end: 0, liveBytes: 0 })), ...Array.from(to, ([file, tally]) => writeOf(file, tally))];
}

/** What one commit changes of the tallies. */
export class TallyChanges {
  readonly #tallies: Map<number, Tally>;
  readonly #changed = new Map<number, Tally>();

  constructor(tallies: Map<number, Tally>) {
    this.#tallies = tallies;
  }

  of(file: number): Tally {
    return this.#changed.get(file) ?? this.#tallies.get(file) ?? { end: 0, liveBytes: 0 };
  }

  /** A record was written to the end of a file. */
  added(file: number, bytes: number): void {
    const { end, liveBytes } = this.of(file);
    this.#changed.set(file, { end: end + bytes, liveBytes: liveBytes + bytes });
  }

  /** Nothing refers to a record any more. */
  dropped(file: number, bytes: number): void {
    const { end, liveBytes } = this.of(file);
    this.#changed.set(file, { end, liveBytes: Math.max(0, liveBytes - bytes) });
  }

  writes(): Write[] {
    return Array.from(this.#changed, ([file, tally]) => writeOf(file, tally));
  }

  /** The commit is durable. Which files it changed, and those of them in which nothing is left, which are forgotten. */
  apply(): { readonly changed: readonly number[]; readonly empty: readonly number[] } {
    const empty: number[] = [];
    for (const [file, tally] of this.#changed) {
      if (tally.liveBytes > 0) this.#tallies.set(file, tally);
      else {
        this.#tallies.delete(file);
        empty.push(file);
      }
    }
    return { changed: [...this.#changed.keys()], empty };
  }
}
