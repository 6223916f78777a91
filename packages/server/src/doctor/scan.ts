import { Block } from "../core/block.js";
import { isPlaceholder, isRewritten, previousCrcOf } from "../core/block-form.js";
import * as keys from "../core/keys.js";
import { entriesOf } from "../engines/pages.js";
import type { StoreSnapshot, Write } from "../store.js";
import type { Finding } from "./finding.js";

/** What is found while one queue or room is looked through. */
export class Scan {
  readonly snapshot: Pick<StoreSnapshot, "read">;
  readonly of: string;
  readonly findings: Finding[] = [];
  blocks = 0;
  /** Of the records of placeholders that mending puts into a room. */
  placedBytes = 0;

  constructor(snapshot: Pick<StoreSnapshot, "read">, of: string) {
    this.snapshot = snapshot;
    this.of = of;
  }

  /** @param mend what mending does about it, and what that writes */
  found(what: string, mend?: string, writes: readonly Write[] = []): void {
    this.findings.push({ of: this.of, what, ...(mend !== undefined && { mend, writes }) });
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    const [entry] = await this.snapshot.read({ from: key, to: Buffer.concat([key, Buffer.of(0)]), entriesMax: 1, bytesMax: 1 });
    return entry?.[1];
  }

  /**
   * The blocks of the log in order. Each is followed by the first sequence of the next one, as its key says, or by `end`.
   * A block that is damaged comes without its content.
   */
  async *log(number: number, end: number): AsyncGenerator<LogBlock> {
    const range = { from: keys.blockKey(number, 0), to: keys.blockKey(number, keys.POSITIONS_END) };
    let held: { first: number; value: Uint8Array } | undefined;
    let before: { readonly block: Block; readonly value: Uint8Array } | undefined;
    const take = (next: number): LogBlock | undefined => {
      if (held === undefined) return undefined;
      const { first, value } = held;
      this.blocks++;
      const { block, why } = read(number, first, value);
      const continues = before !== undefined && block?.first === before.block.end && !isRewritten(before.value) && !isPlaceholder(value);
      const broken = continues && previousCrcOf(value) !== before?.block.crc;
      before = block && { block, value };
      return { first, end: next, block, value, why, broken };
    };
    for await (const [key, value] of entriesOf(this.snapshot, range)) {
      const first = keys.positionOf(key);
      const block = take(first);
      if (block !== undefined) yield block;
      held = { first, value };
    }
    const last = take(Math.max(end, (held?.first ?? 0) + 1));
    if (last !== undefined) yield last;
  }
}

export interface LogBlock {
  /** As its key says. */
  readonly first: number;
  /** Where the next one begins. */
  readonly end: number;
  readonly block: Block | undefined;
  readonly value: Uint8Array;
  /** Why it cannot be read. */
  readonly why: string;
  /** It is whole and does not continue the block right before it. */
  readonly broken: boolean;
}

function read(number: number, first: number, value: Uint8Array): { readonly block: Block | undefined; readonly why: string } {
  try {
    const block = Block.unpack(value);
    if (block.queue === number && block.first === first) return { block, why: "" };
    return { block: undefined, why: `it is block ${block.queue}/${block.first}, expected ${number}/${first}` };
  } catch (error) {
    return { block: undefined, why: whyNot(value, error) };
  }
}

/** Why a stored value cannot be read. What a blob file does not have is zeros. */
export const whyNot = (value: Uint8Array, error: unknown): string =>
  value.every((byte) => byte === 0) ? `its ${value.length} bytes are missing` : messageOf(error);

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
