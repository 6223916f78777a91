import { Fields } from "../fields.js";
import { type BlockEntry, type BlockPlace, entriesOf, isPacked, isWhole, packBlock, TRAILER_BYTES, varint } from "./block.js";

/** Of a footer: the places of two blocks, filled up with zeros, and what shows that it is one. */
const FOOTER_BYTES = 48;
const MAGIC = Buffer.from("57fb808b247547db", "hex");

/**
 * A table of LevelDB, `doc/table_format.md`: blocks of entries, one that says which keys each may have (a filter), one that says
 * where that is, an index of the blocks of entries, and a footer that says where the last two are.
 *
 * LevelDB does not look at the CRCs of the blocks unless it is asked to, which `classic-level` cannot do.
 */
export class Table {
  readonly #bytes: Buffer;
  /** Undefined: the footer does not say. */
  readonly #ends: { readonly meta: BlockPlace; readonly index: BlockPlace } | undefined;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#ends = endsOf(bytes);
  }

  /** Where the first of its blocks is that is not whole; undefined when all are, or nobody can tell since they are packed. */
  get damagedAt(): number | undefined {
    if (this.#isPacked) return undefined;
    const index = this.#index();
    if (index === undefined) return this.#ends?.index.at ?? Math.max(0, this.#bytes.length - FOOTER_BYTES);
    for (const { value } of index) {
      const place = placeOf(value);
      if (!isWhole(this.#bytes, place)) return place.at;
    }
    return this.#damagedFilterAt();
  }

  /** The same table, as long as it was, without the blocks that are not whole. */
  mended(): Buffer {
    const index = this.#index();
    const ends = this.#ends;
    if (index === undefined || ends === undefined) return emptyTable(this.#bytes.length);
    const mended = Buffer.from(this.#bytes);
    const whole = index.filter(({ value }) => isWhole(this.#bytes, placeOf(value)));
    // One with fewer entries fits where it was. One that names no filter is the shortest there is.
    const newIndex = whole.length === index.length ? undefined : packBlock(whole);
    const newMeta = this.#damagedFilterAt() === undefined ? undefined : packBlock([]);
    // It ends where the index begins, whatever the footer says.
    const meta = newMeta === undefined ? ends.meta : placed({ at: ends.index.at - newMeta.length, bytes: 0 }, newMeta);
    newIndex?.copy(mended, ends.index.at);
    newMeta?.copy(mended, meta.at);
    return withFooter(mended, meta, placed(ends.index, newIndex));
  }

  /** One that LevelDB's repair made, and that was not written anew since. */
  get #isPacked(): boolean {
    return (
      this.#ends !== undefined && Object.values(this.#ends).some((place) => isWhole(this.#bytes, place) && isPacked(this.#bytes, place))
    );
  }

  #index(): BlockEntry[] | undefined {
    const place = this.#ends?.index;
    return place !== undefined && isWhole(this.#bytes, place) ? entriesOf(this.#bytes, place) : undefined;
  }

  /** LevelDB leaves out a filter that it cannot read; by a wrong one it does not find what is there. */
  #damagedFilterAt(): number | undefined {
    const meta = this.#ends?.meta;
    if (meta === undefined || !isWhole(this.#bytes, meta)) return meta?.at;
    const places = entriesOf(this.#bytes, meta).map(({ value }) => placeOf(value));
    return places.find((place) => !isWhole(this.#bytes, place))?.at;
  }
}

/** Where a block is, or the one that was put in its place. */
const placed = (place: BlockPlace, packed: Buffer | undefined): BlockPlace =>
  packed === undefined ? place : { at: place.at, bytes: packed.length - TRAILER_BYTES };

function endsOf(bytes: Buffer): { readonly meta: BlockPlace; readonly index: BlockPlace } | undefined {
  if (bytes.length < FOOTER_BYTES || !bytes.subarray(-MAGIC.length).equals(MAGIC)) return undefined;
  const fields = new Fields(bytes.subarray(-FOOTER_BYTES, -MAGIC.length));
  const [meta, index] = [readPlace(fields), readPlace(fields)];
  return fields.isSound ? { meta, index } : undefined;
}

const placeOf = (value: Buffer): BlockPlace => readPlace(new Fields(value));

const readPlace = (fields: Fields): BlockPlace => ({ at: fields.number(), bytes: fields.number() });

/** One that has nothing. */
function emptyTable(bytes: number): Buffer {
  const block = packBlock([]);
  const table = Buffer.alloc(Math.max(bytes, 2 * block.length + FOOTER_BYTES));
  block.copy(table);
  block.copy(table, block.length);
  const first = placed({ at: 0, bytes: 0 }, block);
  return withFooter(table, first, { ...first, at: block.length });
}

function withFooter(table: Buffer, meta: BlockPlace, index: BlockPlace): Buffer {
  const footer = table.subarray(-FOOTER_BYTES).fill(0);
  Buffer.concat([meta, index].flatMap(({ at, bytes }) => [varint(at), varint(bytes)])).copy(footer);
  MAGIC.copy(footer, FOOTER_BYTES - MAGIC.length);
  return table;
}
