import type { Random } from "../../simulation/random.js";
import type { DiskCall } from "./disk-call.js";

/** What a disk writes whole or not at all. */
const SECTOR_BYTES = 512;

interface PendingWrite {
  readonly at: number;
  readonly bytes: Buffer;
  readonly ended: number;
}

/** A file, whatever it is called: what of it is surely on disk, and what was written since. */
class Inode {
  readonly number: number;
  /** Its content as far as it survives, and how often that changed. */
  durable = Buffer.alloc(0);
  version = 0;
  /** As long as it is by its writes. */
  size = 0;
  pending: PendingWrite[] = [];

  constructor(number: number) {
    this.number = number;
  }

  write(bytes: Buffer, at: number, ended: number): void {
    this.pending.push({ at, bytes, ended });
    this.size = Math.max(this.size, at + bytes.length);
  }

  /** What was written before the sync began survives from now on. */
  sync(begun: number): void {
    const done = this.pending.filter(({ ended }) => ended < begun);
    if (done.length === 0) return;
    this.pending = this.pending.filter(({ ended }) => ended >= begun);
    const size = Math.max(this.durable.length, ...done.map(({ at, bytes }) => at + bytes.length));
    if (size > this.durable.length) this.durable = Buffer.concat([this.durable, Buffer.alloc(size - this.durable.length)]);
    for (const { at, bytes } of done) bytes.copy(this.durable, at);
    this.version++;
  }

  truncate(length: number): void {
    this.size = length;
    this.pending = [];
    this.durable = this.durable.length > length ? this.durable.subarray(0, length) : this.durable;
    this.version++;
  }
}

/** What became of one file in a crash: its content, and a name that two of the same content share. */
export interface CrashedFile {
  readonly name: string;
  readonly identity: string;
  readonly bytes: Buffer;
}

/** How much of what was not synced survives. */
type Luck = "none" | "all" | "first" | "last" | "some" | "few" | "most" | "torn";

const LUCKS: readonly Luck[] = ["none", "all", "first", "last", "some", "some", "few", "most", "torn"];

interface DirectoryChange {
  readonly ended: number;
  apply(names: Map<string, Inode>): void;
}

/**
 * A disk as it was written by recorded calls, and what it may be after a loss of power.
 *
 * Of what was not synced any sectors survive, each as any of its writes left it, and a file that grew has any length in
 * between. Changes of the directory that were not synced are lost from some point on: file systems keep their order.
 */
export class RecordedDisk {
  #inodes = 0;
  /** Names as the process sees them, and as they survive. */
  readonly #names = new Map<string, Inode>();
  readonly #durableNames = new Map<string, Inode>();
  #changes: DirectoryChange[] = [];

  /** Does what a call did. */
  apply(call: DiskCall): void {
    const { begun, ended } = call;
    switch (call.kind) {
      case "create":
        this.#create(call.name, call.truncates, ended);
        break;
      case "write": {
        const inode = this.#inode(call.name);
        inode.write(call.bytes, call.at ?? inode.size, ended);
        break;
      }
      case "sync":
        this.#inode(call.name).sync(begun);
        break;
      case "sync-directory":
        for (const change of this.#changes.filter((one) => one.ended < begun)) change.apply(this.#durableNames);
        this.#changes = this.#changes.filter((one) => one.ended >= begun);
        break;
      case "rename": {
        const inode = this.#inode(call.name);
        this.#change(ended, (names) => {
          names.delete(call.name);
          names.set(call.to, inode);
        });
        break;
      }
      case "unlink":
        this.#change(ended, (names) => void names.delete(call.name));
        break;
      case "truncate":
        this.#inode(call.name).truncate(call.length);
        break;
      case "send":
        break;
      default:
        call satisfies never;
    }
  }

  #create(name: string, truncates: boolean, ended: number): void {
    const known = this.#names.get(name);
    if (known !== undefined) {
      if (truncates && known.size > 0) known.truncate(0);
      return;
    }
    const inode = new Inode(++this.#inodes);
    this.#change(ended, (names) => void names.set(name, inode));
  }

  #change(ended: number, apply: (names: Map<string, Inode>) => void): void {
    apply(this.#names);
    this.#changes.push({ ended, apply });
  }

  #inode(name: string): Inode {
    const inode = this.#names.get(name);
    if (inode === undefined) throw new Error(`the record has no file ${name}`);
    return inode;
  }

  /** Whether a crash now could lose something. */
  get uncertain(): boolean {
    return this.#changes.length > 0 || [...this.#names.values()].some(({ pending }) => pending.length > 0);
  }

  /** What is on the disk when power is lost now, of the files whose name is `wanted`. */
  crash(random: Random, wanted: (name: string) => boolean): CrashedFile[] {
    const names = new Map(this.#durableNames);
    const kept = random.chance(0.5) ? this.#changes.length : random.below(this.#changes.length + 1);
    for (const change of this.#changes.slice(0, kept)) change.apply(names);
    const luck = random.any(LUCKS) ?? "all";
    const files = [...names].filter(([name]) => wanted(name));
    return files.map(([name, inode]) => ({
      name,
      ...crashed(inode, random.chance(0.7) ? luck : (random.any(LUCKS) ?? "all"), random),
    }));
  }
}

function crashed(inode: Inode, luck: Luck, random: Random): Omit<CrashedFile, "name"> {
  const { pending, durable } = inode;
  if (pending.length === 0 || luck === "none") return { identity: `${inode.number}.${inode.version}`, bytes: durable };
  const size = sizeAfter(inode, luck, random);
  // Large and short-lived, so it is filled once.
  const bytes = Buffer.allocUnsafe(size);
  durable.copy(bytes);
  if (size > durable.length) bytes.fill(0, durable.length);
  const survives = chooserOf(luck, random, pending);
  let choices = "";
  for (const [number, { at, bytes: written }] of pending.entries()) {
    for (let from = at; from < at + written.length; ) {
      const to = Math.min(at + written.length, (Math.floor(from / SECTOR_BYTES) + 1) * SECTOR_BYTES);
      const end = Math.min(to, size);
      // What changes nothing is no choice.
      const differs = from < end && written.compare(bytes, from, end, from - at, end - at) !== 0;
      if (differs && survives(number, (from - at) / written.length)) {
        written.copy(bytes, from, from - at, end - at);
        choices += `${number}:${from},`;
      }
      from = to;
    }
  }
  return { identity: `${inode.number}.${inode.version}+${size}/${choices}`, bytes };
}

/** A file that grew may have any length that it had meanwhile. */
function sizeAfter({ durable, size }: Inode, luck: Luck, random: Random): number {
  const grown = size - durable.length;
  if (grown <= 0 || luck === "all" || random.chance(0.5)) return Math.max(size, durable.length);
  return durable.length + Math.min(grown, Math.round((random.next() * grown) / SECTOR_BYTES) * SECTOR_BYTES);
}

/** Which sectors of which pending write survive. */
function chooserOf(luck: Luck, random: Random, pending: readonly PendingWrite[]): (write: number, place: number) => boolean {
  const cut = random.next() * pending.length;
  switch (luck) {
    case "none":
      return () => false;
    case "all":
      return () => true;
    case "first":
      return (write, place) => write + place < cut;
    case "last":
      return (write, place) => write + place >= cut;
    case "few":
      return () => random.chance(0.1);
    case "most":
      return () => random.chance(0.9);
    case "some":
      return () => random.chance(0.5);
    case "torn": {
      const torn = random.below(pending.length);
      return (write) => write !== torn || random.chance(0.5);
    }
    default:
      return luck satisfies never;
  }
}
