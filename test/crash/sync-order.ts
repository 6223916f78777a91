import type { Call } from "./strace-log.js";

/** The call, when all its bytes were written and are in the log. */
function whole(call: Call): Call {
  const { name, bytes, result } = call;
  if (bytes.length !== result) throw new Error(`${name} wrote ${result} bytes of ${bytes.length} that are in the log`);
  return call;
}

/** Bytes written one after the other to one socket, and by which call. */
class Stream {
  readonly #parts: Buffer[] = [];
  readonly #ends: number[] = [];
  readonly #calls: Call[] = [];
  #length = 0;

  add(call: Call): void {
    const bytes = call.bytes.subarray(0, call.result);
    if (bytes.length !== call.result) throw new Error(`${call.name} wrote ${call.result} bytes, ${bytes.length} are in the log`);
    this.#parts.push(bytes);
    this.#length += bytes.length;
    this.#ends.push(this.#length);
    this.#calls.push(call);
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }

  /** The call that wrote the byte at `offset`. */
  callAt(offset: number): Call {
    const call = this.#calls[firstAbove(this.#ends, offset)];
    if (call === undefined) throw new Error(`nothing was written at ${offset}`);
    return call;
  }
}

/** Index of the first number of a rising list that is above `value`. */
function firstAbove(numbers: readonly number[], value: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] ?? 0) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** What became of the receipts that were looked for. */
export interface Verdict {
  /** Receipts whose bytes were written to the journal, then synced, then sent. */
  readonly matched: number;
  /** Ids whose receipt was sent before the sync ended. */
  readonly early: readonly string[];
  /** Ids whose receipt was sent, and whose message was written to no journal. */
  readonly unstored: readonly string[];
  /** Syncs of the journal. */
  readonly syncs: number;
}

const isJournal = (file: string): boolean => /\/journal-[ab]$/.test(file);
const isSocket = (file: string): boolean => /^(socket|TCP|UNIX)/.test(file);

/**
 * Collects the calls of a server, and tells whether each receipt was sent only after its message was synced: the write of
 * the message ended, then a sync of the same file began and ended, then the write of the receipt to a socket began.
 */
export class SyncOrder {
  readonly #records: Call[] = [];
  readonly #sockets = new Map<string, Stream>();
  readonly #syncs = new Map<string, Call[]>();

  add(call: Call): void {
    const { name, file } = call;
    if (name === "fdatasync" || name === "fsync") {
      const syncs = this.#syncs.get(file) ?? [];
      syncs.push(call);
      this.#syncs.set(file, syncs);
    } else if (isJournal(file)) this.#records.push(whole(call));
    else if (isSocket(file)) streamOf(this.#sockets, file).add(call);
  }

  /** @param id matches the ids of the messages, and nothing else that is stored or sent */
  verdict(id: RegExp): Verdict {
    const synced = this.#synced(id);
    let matched = 0;
    const [early, unstored]: [string[], string[]] = [[], []];
    for (const stream of this.#sockets.values()) {
      for (const { 0: found, index } of stream.bytes().toString("latin1").matchAll(id)) {
        const end = synced.get(found);
        if (end === undefined) unstored.push(found);
        else if (end < stream.callAt(index).begun) matched++;
        else early.push(found);
      }
    }
    const syncs = [...this.#syncs].filter(([file]) => isJournal(file)).reduce((sum, [, calls]) => sum + calls.length, 0);
    return { matched, early, unstored, syncs };
  }

  /** For each stored id the moment at which a sync ended that began after its write; infinity when there was none. */
  #synced(id: RegExp): Map<string, number> {
    const moments = new Map<string, number>();
    const syncsOf = new Map(Array.from(this.#syncs, ([file, syncs]) => [file, syncs.sort((a, b) => a.begun - b.begun)]));
    const begunOf = new Map(Array.from(syncsOf, ([file, syncs]) => [file, syncs.map((sync) => sync.begun)]));
    for (const { file, bytes, ended } of this.#records) {
      const sync = syncsOf.get(file)?.[firstAbove(begunOf.get(file) ?? [], ended)];
      for (const [found] of bytes.toString("latin1").matchAll(id)) {
        if (!moments.has(found)) moments.set(found, sync?.ended ?? Number.POSITIVE_INFINITY);
      }
    }
    return moments;
  }
}

function streamOf(streams: Map<string, Stream>, file: string): Stream {
  let stream = streams.get(file);
  if (stream === undefined) {
    stream = new Stream();
    streams.set(file, stream);
  }
  return stream;
}
