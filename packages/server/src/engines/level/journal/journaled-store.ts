import { randomBytes } from "node:crypto";
import { HoldfastError } from "holdfast-client/protocol";
import type { Entry, ReadRange, Store, StoreSnapshot, Write } from "../../../store.js";
import { Deferred } from "../../deferred.js";
import { Carrier } from "./carrier.js";
import type { JournalFile } from "./journal-file.js";
import { JournaledSnapshot } from "./journaled-snapshot.js";
import { type Mark, readMark, writeOfMark } from "./mark.js";
import { merged } from "./merged.js";
import { type JournalFiles, openFiles } from "./open-files.js";
import { type Change, DELETED, keyOf, Overlay, textOf } from "./overlay.js";
import { RecordPacker, recordBytes, SECRET_BYTES } from "./record.js";
import { type FoundInFile, type FoundRecord, recordsFrom } from "./recover.js";

/** What is moved to the store below at once. */
const MOVED_BYTES = 256 * 1024;
const MOVED_ENTRIES = 1_000;

/**
 * What a full file says is moved once the other one is half full: by then most of it is over, where consumers keep up. Where more
 * than this part of the file before had to be moved they do not, and the time is needed.
 */
const MOVED_AT_ONCE_PART = 0.75;

/** For a snapshot files are turned over until no more than this is left to be copied, but not for ever where much is written. */
const SNAPSHOT_COPIED_BYTES = 2 * 1024 * 1024;
const SNAPSHOT_TURNS_MAX = 3;

export interface JournaledStoreOptions {
  /** Its snapshots are of the moment of the call. */
  readonly base: Store;
  readonly directory: string;
  /** Of each of the two files, in bytes; for tests. */
  readonly fileBytes?: number;
  /** What is moved to the store below at once, in bytes; for tests. */
  readonly movedBytes?: number;
  /** For tests. */
  readonly openFiles?: typeof openFiles;
  /** Told of the bytes of each commit. */
  readonly passed?: (bytes: number) => void;
}

/**
 * A journal before a store that is slower to write to: a commit is one write to a file that has its room already, and one
 * sync. Two files take turns. While the second half of one is filled, what the other says is moved to the store below; what was
 * put and deleted meanwhile never gets there. See decision 017.
 *
 *     write --> file (synced) --> overlay in memory --> store below, when the file is full
 *     read  <-- this file's overlay, over the other's, over the store below
 */
export class JournaledStore implements Store {
  readonly #base: Store;
  readonly #directory: string;
  readonly #fileBytes: number | undefined;
  readonly #movedBytes: number;
  readonly #openFiles: typeof openFiles;
  readonly #passed: (bytes: number) => void;
  readonly #carrier: Carrier;
  #secret: Uint8Array = Buffer.alloc(0);
  #packer = new RecordPacker(this.#secret);
  /** The store below has a mark: of a new store only the first commit puts one there. */
  #isMarked = false;
  #active: Overlay | undefined;
  /** Of the other file, until all of it is in the store below. */
  #moving: Overlay | undefined;
  #spare: JournalFile | undefined;
  /** Resolves when nothing is being moved, or waits for it. */
  #moved: Promise<void> = Promise.resolve();
  /** Resolves when the move that waits, if any, is to begin. */
  #ripe = new Deferred();
  /** How much of the last file that was moved had to be. */
  #movedPart = 0;
  #closing: Promise<void> | undefined;
  #failure: { readonly cause: unknown } | undefined;
  /** The number of the next record. */
  #next = 1;
  /** Records are written one after the other, and so is what goes to the store below. */
  #recording: Promise<unknown> = Promise.resolve();
  #below: Promise<unknown> = Promise.resolve();

  constructor(options: JournaledStoreOptions) {
    this.#base = options.base;
    this.#directory = options.directory;
    this.#fileBytes = options.fileBytes;
    this.#movedBytes = options.movedBytes ?? MOVED_BYTES;
    this.#carrier = new Carrier(this.#movedBytes);
    this.#openFiles = options.openFiles ?? openFiles;
    this.#passed = options.passed ?? (() => undefined);
  }

  // --- life ----------------------------------------------------------------------------------------------------

  async open(): Promise<void> {
    await this.#base.open();
    let files: JournalFiles | undefined;
    try {
      const mark = readMark(this.#base);
      // Where there is a mark the files were there before it. An empty one in place of a missing one would hide what was lost.
      files = await this.#openFiles({ directory: this.#directory, fileBytes: this.#fileBytes, create: mark === undefined });
      this.#isMarked = mark !== undefined;
      await this.#recover(files, mark ?? { next: 1, secret: randomBytes(SECRET_BYTES) });
    } catch (error) {
      for (const file of files ?? []) file.close();
      await this.#base.close();
      throw error;
    }
  }

  /** Moves all that the last life left to the store below, so that this one begins with empty files. */
  async #recover(files: JournalFiles, mark: Mark): Promise<void> {
    this.#secret = mark.secret;
    this.#packer = new RecordPacker(mark.secret);
    const records = recordsFrom(files, mark);
    const found: Overlay[] = [];
    let last: FoundInFile | undefined;
    let step = records.next();
    for (; step.done !== true; step = records.next()) {
      last = step.value;
      const { file, record } = last;
      let overlay = found.at(-1);
      if (overlay?.file !== file) {
        overlay = new Overlay(file);
        found.push(overlay);
      }
      takeFound(overlay, record);
      this.#passed(record.bytes);
    }
    // Nobody may have waited for its sync, or that failed: a part of it in the store below must not outlive the rest of it.
    last?.file.write(last.record.raw, last.record.at);
    await last?.file.sync();
    this.#failure = undefined;
    this.#next = step.value;
    for (const overlay of found) await this.#move(overlay, overlay === found.at(-1) ? step.value : undefined);
    this.#active = new Overlay(files[0]);
    this.#spare = files[1];
  }

  /** Whoever closes it while it is being closed waits for the same end. */
  close(): Promise<void> {
    this.#closing ??= this.#close().finally(() => {
      this.#closing = undefined;
    });
    return this.#closing;
  }

  async #close(): Promise<void> {
    const open = this.#active;
    if (open === undefined) return this.#base.close();
    this.#active = undefined;
    await this.#recording;
    await this.#moveNow();
    await this.#below;
    open.file.close();
    (this.#spare ?? this.#moving?.file)?.close();
    this.#moving = undefined;
    this.#spare = undefined;
    await this.#base.close();
  }

  /** The overlay of the file that is being filled. */
  #filled(): Overlay {
    if (this.#active === undefined) throw new HoldfastError("ENGINE_UNAVAILABLE", `the store in ${this.#directory} is not open`);
    return this.#active;
  }

  // --- writing -------------------------------------------------------------------------------------------------

  write(writes: readonly Write[]): Promise<void> {
    const written = this.#recording.then(() => this.#record(writes));
    this.#recording = written.catch(ignore);
    return written;
  }

  async #record(writes: readonly Write[]): Promise<void> {
    try {
      const bytes = recordBytes(writes);
      if (!this.#filled().hasRoom(bytes)) await this.#turn();
      if (this.#failure !== undefined) throw this.#failure.cause;
      const active = this.#filled();
      if (!this.#isMarked) await this.#writeFirst(writes);
      else if (active.hasRoom(bytes)) await this.#append(active, writes, bytes);
      else await this.#bypass(writes);
      this.#passed(bytes);
    } catch (cause) {
      this.#failure ??= { cause };
      throw cause;
    }
  }

  /** The first commit of a store goes below, with the mark: a program that knows no journals sees the format there. */
  async #writeFirst(writes: readonly Write[]): Promise<void> {
    await this.#inTurn(() => this.#base.write([...writes, writeOfMark({ next: this.#next, secret: this.#secret })]));
    this.#isMarked = true;
  }

  async #append(active: Overlay, writes: readonly Write[], bytes: number): Promise<void> {
    const starts: number[] = [];
    const record = this.#packer.pack(this.#next, writes, bytes, starts);
    active.file.write(record, active.end);
    await active.file.sync();
    this.#next++;
    take(active, writes, starts);
    active.end += bytes;
    if (active.isHalfFull) this.#ripe.resolve();
  }

  /** Goes on with the other file, once all that it says is in the store below. */
  async #turn(): Promise<void> {
    await this.#moveNow();
    const active = this.#filled();
    const spare = this.#spare;
    if (this.#failure !== undefined || spare === undefined) return;
    this.#moving = active;
    this.#active = new Overlay(spare);
    this.#spare = undefined;
    this.#moved = this.#moveAway(active, this.#next);
  }

  /** Resolves once nothing is being moved; a move that waits begins. */
  #moveNow(): Promise<void> {
    this.#ripe.resolve();
    return this.#moved;
  }

  async #moveAway(overlay: Overlay, next: number): Promise<void> {
    this.#ripe = new Deferred();
    if (this.#movedPart > MOVED_AT_ONCE_PART || overlay.isMuchMemory) this.#ripe.resolve();
    await this.#ripe.promise;
    // A store that is being closed leaves it to the next life, with what the other file says.
    if (this.#active === undefined) return;
    try {
      const moved = await this.#move(overlay, next);
      this.#movedPart = moved / overlay.end;
      this.#moving = undefined;
      this.#spare = overlay.file;
    } catch (cause) {
      this.#failure ??= { cause };
    }
  }

  /** A commit that fits in neither file goes to the store below at once, when that has all before it. */
  async #bypass(writes: readonly Write[]): Promise<void> {
    if (this.#filled().end > 0) await this.#turn();
    await this.#moveNow();
    if (this.#failure !== undefined) throw this.#failure.cause;
    await this.#inTurn(() => this.#base.write(writes));
  }

  /**
   * @param next the first record after those of the overlay, once nothing before it has to be read again
   * @returns how many bytes that were
   */
  async #move(overlay: Overlay, next: number | undefined): Promise<number> {
    const entries = overlay.entries();
    let moved = 0;
    for (let left = true; left; ) {
      await this.#inTurn(async () => {
        const writes: Write[] = [];
        this.#carrier.empty();
        let bytes = 0;
        while (bytes < this.#movedBytes && writes.length < MOVED_ENTRIES) {
          const entry = entries.next();
          left = entry.done !== true;
          if (entry.done === true) break;
          const [text, change] = entry.value;
          if (this.#active?.overrides(overlay, text, change) === true) continue;
          const value = change.bytes === DELETED ? undefined : overlay.value(change, this.#carrier.take(change.bytes));
          writes.push({ key: keyOf(text), value });
          bytes += text.length + (value?.length ?? 0);
        }
        moved += bytes;
        if (!left && next !== undefined) writes.push(writeOfMark({ next, secret: this.#secret }));
        if (writes.length > 0) await this.#base.write(writes);
      });
    }
    return moved;
  }

  /** Does one thing after the other with the store below. */
  #inTurn(task: () => Promise<void>): Promise<void> {
    const done = this.#below.then(task);
    this.#below = done.catch(ignore);
    return done;
  }

  /** What the range has in the overlays is deleted by a record, so that no later life finds it in the files. */
  async clear(from: Uint8Array, to: Uint8Array): Promise<void> {
    const cleared = this.#recording.then(async () => {
      const deletes = this.#deletionsOf(this.#textsIn(from, to), ({ bytes }) => bytes !== DELETED);
      if (deletes.length > 0) await this.#record(deletes);
    });
    this.#recording = cleared.catch(ignore);
    await cleared;
    await this.#inTurn(() => this.#base.clear(from, to));
  }

  /** The store below can only give back what it knows to be deleted. */
  async reclaim(from: Uint8Array, to: Uint8Array): Promise<void> {
    await this.#inTurn(async () => {
      const texts = this.#textsIn(from, to);
      for (let at = 0; at < texts.length; at += MOVED_ENTRIES) {
        const deletes = this.#deletionsOf(texts.slice(at, at + MOVED_ENTRIES), ({ bytes }) => bytes === DELETED);
        if (deletes.length > 0) await this.#base.write(deletes);
      }
    });
    await this.#base.reclaim(from, to);
  }

  /** Deletions of those keys whose last change is as asked for. */
  #deletionsOf(texts: readonly string[], wanted: (change: Change) => boolean): Write[] {
    const deletes: Write[] = [];
    for (const text of texts) {
      const latest = this.#latest(text);
      if (latest !== undefined && wanted(latest.change)) deletes.push({ key: keyOf(text), value: undefined });
    }
    return deletes;
  }

  // --- reading -------------------------------------------------------------------------------------------------

  get(key: Uint8Array): Uint8Array | undefined {
    const latest = this.#latest(textOf(key));
    return latest === undefined ? this.#base.get(key) : currentValue(latest.overlay, latest.change);
  }

  /** The last word on a key, and whose it is; undefined when no overlay says anything of it. */
  #latest(text: string): { readonly overlay: Overlay; readonly change: Change } | undefined {
    for (const overlay of [this.#filled(), this.#moving]) {
      const change = overlay?.get(text);
      if (overlay !== undefined && change !== undefined) return { overlay, change };
    }
    return undefined;
  }

  /** The keys of a range that the overlays say something of, in order. */
  #textsIn(from: Uint8Array, to: Uint8Array): string[] {
    const [first, last] = [textOf(from), textOf(to)];
    return bothOf(this.#filled().range(first, last), this.#moving?.range(first, last) ?? []);
  }

  async read(range: ReadRange): Promise<readonly Entry[]> {
    const changes = this.#changesIn(range);
    if (changes.size === 0) return this.#base.read(range);
    const stored = await this.#base.read({ ...range, hides: (key) => changes.has(textOf(key)) });
    return merged(changes, stored, range);
  }

  /**
   * What the overlays say of the keys of a range, in the order in which they are read, with values up to what is wanted at
   * most. All of it is taken at once: the files may be used anew while the store below is read.
   */
  #changesIn({ from, to, reverse, entriesMax, bytesMax }: ReadRange): Map<string, Uint8Array | undefined> {
    const texts = this.#textsIn(from, to);
    if (reverse === true) texts.reverse();
    const changes = new Map<string, Uint8Array | undefined>();
    let entries = 0;
    let bytes = 0;
    for (const text of texts) {
      const latest = this.#latest(text);
      if (latest === undefined) continue;
      // Behind the last value that can be wanted it only matters which keys are not read from below.
      const value = entries < entriesMax && bytes < bytesMax ? currentValue(latest.overlay, latest.change) : undefined;
      changes.set(text, value);
      if (value === undefined) continue;
      entries++;
      bytes += text.length + value.length;
    }
    return changes;
  }

  /**
   * The files are used anew, so a snapshot cannot read from them later: what they say is moved below first, while commits
   * go on. What came meanwhile is copied in the very turn in which the store below is asked for its moment.
   */
  async snapshot(): Promise<StoreSnapshot> {
    this.#filled();
    for (let round = 0; this.#isMarked && round < SNAPSHOT_TURNS_MAX && this.#filled().end > round * SNAPSHOT_COPIED_BYTES; round++) {
      // Whoever turns the files waits for a move under way, and commits behind it do.
      await this.#moveNow();
      const turned = this.#recording.then(() => this.#turn());
      this.#recording = turned.catch(ignore);
      await turned;
      await this.#moveNow();
    }
    this.#filled();
    if (this.#failure !== undefined) throw this.#failure.cause;
    const below = this.#base.snapshot();
    const changes = new Map<string, Uint8Array | undefined>();
    for (const overlay of [this.#moving, this.#filled()]) {
      for (const [text, change] of overlay?.entries() ?? []) changes.set(text, overlay && currentValue(overlay, change));
    }
    return new JournaledSnapshot(await below, changes);
  }

  // --- space ---------------------------------------------------------------------------------------------------

  /** What the files hold may have to be written below once more. Where that leaves nothing it is moved soon: most of it is dead. */
  async spareBytes(): Promise<number> {
    const spare = await this.#base.spareBytes();
    const held = this.#filled().end + (this.#moving?.end ?? 0);
    if (spare >= 0 && spare < held) this.#free();
    return spare - held;
  }

  #free(): void {
    if (this.#moving !== undefined) void this.#moveNow();
    else this.#recording = this.#recording.then(() => this.#turn().then(() => this.#ripe.resolve())).catch(ignore);
  }
}

/** Takes what a record wrote into the overlay of its file, to which it was just appended. */
function take(overlay: Overlay, writes: readonly Write[], starts: readonly number[]): void {
  for (let index = 0; index < writes.length; index++) {
    const { key, value, fresh = false } = writes[index] as Write;
    if (value === undefined) overlay.delete(textOf(key));
    else overlay.put(textOf(key), overlay.end + (starts[index] ?? 0), value.length, fresh);
  }
}

/** Takes a record that a life before this one left. What the store below has by now is not known. */
function takeFound(overlay: Overlay, { at, writes }: FoundRecord): void {
  for (const { key, value } of writes) {
    if (value === undefined) overlay.delete(textOf(key));
    else overlay.put(textOf(key), at + value.byteOffset, value.length, false);
  }
}

/** Undefined for a deletion. */
const currentValue = (overlay: Overlay, change: Change): Uint8Array | undefined =>
  change.bytes === DELETED ? undefined : overlay.value(change);

/** Two lists in order as one, each text once. */
function bothOf(some: string[], others: string[]): string[] {
  if (others.length === 0) return some;
  return some.length === 0 ? others : [...new Set([...some, ...others])].sort();
}

const ignore = (): void => undefined;
