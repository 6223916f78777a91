import { HoldfastError } from "holdfast-client/protocol";
import type { Entry, KeyRange, ReadRange, Store, StoreSnapshot, Write } from "../../../store.js";
import { Deferred } from "../../deferred.js";
import type { JournalFile } from "./journal-file.js";
import { JournaledSnapshot } from "./journaled-snapshot.js";
import { type Mark, newMark, readMark, writeOfMark } from "./mark.js";
import { merged } from "./merged.js";
import { Mover } from "./mover.js";
import { NotedSizes } from "./noted-sizes.js";
import { type JournalFiles, openFiles } from "./open-files.js";
import { Overlay, textOf } from "./overlay.js";
import { Overlays } from "./overlays.js";
import { RecordPacker, recordBytes } from "./record.js";
import { type FoundInFile, recordsFrom } from "./recover.js";

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
  /** Fails when the store below, which is open, is none that this program reads: its journal may have another form then. */
  readonly assertReadable?: (base: Store) => void;
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
  readonly #openFiles: typeof openFiles;
  readonly #assertReadable: (base: Store) => void;
  readonly #passed: (bytes: number) => void;
  readonly #overlays: Overlays;
  readonly #mover: Mover;
  readonly #sizes: NotedSizes;
  #secret: Uint8Array = Buffer.alloc(0);
  #packer = new RecordPacker(this.#secret);
  /** What the store below has: of a new store only the first commit puts one there. */
  #marked: Mark | undefined;
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
  /** Records are written one after the other. */
  #recording: Promise<unknown> = Promise.resolve();

  constructor(options: JournaledStoreOptions) {
    this.#base = options.base;
    this.#directory = options.directory;
    this.#fileBytes = options.fileBytes;
    this.#overlays = new Overlays(options.directory);
    this.#mover = new Mover(options.base, this.#overlays, options.movedBytes);
    this.#sizes = new NotedSizes(options.base);
    this.#openFiles = options.openFiles ?? openFiles;
    this.#assertReadable = options.assertReadable ?? (() => undefined);
    this.#passed = options.passed ?? (() => undefined);
  }

  // --- life ----------------------------------------------------------------------------------------------------

  async open(): Promise<void> {
    await this.#base.open();
    let files: JournalFiles | undefined;
    try {
      this.#assertReadable(this.#base);
      const mark = readMark(this.#base);
      this.#assertSame(mark);
      // Where there is a mark the files were there before it. An empty one in place of a missing one would hide what was lost.
      files = await this.#openFiles({ directory: this.#directory, fileBytes: this.#fileBytes, create: mark === undefined });
      this.#sizes.check(files);
      this.#marked = mark;
      await this.#recover(files, mark ?? newMark());
    } catch (error) {
      for (const file of files ?? []) file.close();
      await this.#base.close();
      throw error;
    }
  }

  /** A directory that was emptied or replaced since the life before has another mark, or none. */
  #assertSame(mark: Mark | undefined): void {
    if (this.#marked === undefined || (mark !== undefined && Buffer.compare(mark.secret, this.#marked.secret) === 0)) return;
    throw new HoldfastError("ENGINE_UNAVAILABLE", `directory ${this.#directory} cannot be used: it has another store than before, or none`);
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
      overlay.takeFound(record);
      this.#passed(record.bytes);
    }
    // Nobody may have waited for its sync, or that failed: a part of it in the store below must not outlive the rest of it.
    last?.file.write(last.record.raw, last.record.at);
    await last?.file.sync();
    this.#failure = undefined;
    this.#next = step.value;
    for (const overlay of found) await this.#moveMarked(overlay, overlay === found.at(-1) ? this.#mark : undefined);
    this.#overlays.active = new Overlay(files[0]);
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
    const open = this.#overlays.active;
    if (open === undefined) return this.#base.close();
    this.#overlays.active = undefined;
    try {
      await this.#recording;
      await this.#moveNow();
      await this.#mover.idle();
      await this.#markEnd();
      this.#closeFiles(open.file);
    } finally {
      // Whatever failed before, or it would be locked for the next one that opens it.
      await this.#base.close();
    }
  }

  #closeFiles(active: JournalFile): void {
    const other = this.#spare ?? this.#overlays.moving?.file;
    this.#overlays.moving = undefined;
    this.#spare = undefined;
    try {
      active.close();
    } finally {
      other?.close();
    }
  }

  /** Says how far the records go, so that the next life knows when the last ones are missing; one that cannot is not told. */
  async #markEnd(): Promise<void> {
    const mark = this.#marked;
    if (mark === undefined || mark.end === this.#next || this.#failure !== undefined) return;
    await this.#base.write([writeOfMark({ ...mark, end: this.#next })]).catch(ignore);
  }

  /** Records before the next one need not be read again, once all they say is in the store below. */
  get #mark(): Mark {
    return { next: this.#next, secret: this.#secret, end: this.#next };
  }

  async #moveMarked(overlay: Overlay, mark: Mark | undefined): Promise<number> {
    const moved = await this.#mover.move(overlay, mark);
    this.#marked = mark ?? this.#marked;
    return moved;
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
      if (!this.#overlays.filled().hasRoom(bytes)) await this.#turn();
      if (this.#failure !== undefined) throw this.#failure.cause;
      const active = this.#overlays.filled();
      if (this.#marked === undefined) await this.#writeFirst(writes);
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
    const mark = this.#mark;
    await this.#mover.inTurn(() => this.#base.write([...writes, writeOfMark(mark)]));
    this.#marked = mark;
  }

  async #append(active: Overlay, writes: readonly Write[], bytes: number): Promise<void> {
    const starts: number[] = [];
    const record = this.#packer.pack(this.#next, writes, bytes, starts);
    active.file.write(record, active.end);
    await active.file.sync();
    if (this.#sizes.isPassedBy(active.file)) await this.#mover.inTurn(() => this.#sizes.note(active.file));
    this.#next++;
    active.take(writes, starts);
    active.end += bytes;
    if (active.isHalfFull) this.#ripe.resolve();
  }

  /** Goes on with the other file, once all that it says is in the store below. */
  async #turn(): Promise<void> {
    await this.#moveNow();
    const active = this.#overlays.filled();
    const spare = this.#spare;
    if (this.#failure !== undefined || spare === undefined) return;
    this.#overlays.moving = active;
    this.#overlays.active = new Overlay(spare);
    this.#spare = undefined;
    this.#moved = this.#moveAway(active, this.#mark);
  }

  /** Resolves once nothing is being moved; a move that waits begins. */
  #moveNow(): Promise<void> {
    this.#ripe.resolve();
    return this.#moved;
  }

  async #moveAway(overlay: Overlay, mark: Mark): Promise<void> {
    this.#ripe = new Deferred();
    if (this.#movedPart > MOVED_AT_ONCE_PART || overlay.isMuchMemory) this.#ripe.resolve();
    await this.#ripe.promise;
    // A store that is being closed leaves it to the next life, with what the other file says.
    if (this.#overlays.active === undefined) return;
    try {
      const moved = await this.#moveMarked(overlay, { ...mark, end: this.#next });
      this.#movedPart = moved / overlay.end;
      this.#overlays.moving = undefined;
      this.#spare = overlay.file;
    } catch (cause) {
      this.#failure ??= { cause };
    }
  }

  /** A commit that fits in neither file goes to the store below at once, when that has all before it. */
  async #bypass(writes: readonly Write[]): Promise<void> {
    if (this.#overlays.filled().end > 0) await this.#turn();
    await this.#moveNow();
    if (this.#failure !== undefined) throw this.#failure.cause;
    await this.#mover.inTurn(() => this.#base.write(writes));
  }

  /** What the ranges have in the overlays is deleted by a record, so that no later life finds it in the files. */
  async clear(ranges: readonly KeyRange[]): Promise<void> {
    const cleared = this.#recording.then(async () => {
      const deletes = ranges.flatMap(({ from, to }) => this.#overlays.deletionsOf(this.#overlays.textsIn(from, to)));
      if (deletes.length > 0) await this.#record(deletes);
    });
    this.#recording = cleared.catch(ignore);
    await cleared;
    await this.#mover.inTurn(() => this.#base.clear(ranges));
    // What the files still delete is not there any more. It is only advice: a failure shows with the next commit.
    for (const { from, to } of ranges) await this.#base.reclaim(from, to).catch(ignore);
  }

  reclaim(from: Uint8Array, to: Uint8Array): Promise<void> {
    return this.#mover.reclaim(from, to);
  }

  // --- reading -------------------------------------------------------------------------------------------------

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#overlays.get(key, this.#base);
  }

  async read(range: ReadRange): Promise<readonly Entry[]> {
    const changes = this.#overlays.changesIn(range);
    if (changes.size === 0) return this.#base.read(range);
    const stored = await this.#base.read({ ...range, hides: (key) => changes.has(textOf(key)) });
    return merged(changes, stored, range);
  }

  /**
   * The files are used anew, so a snapshot cannot read from them later: what they say is moved below first, while commits
   * go on. What came meanwhile is copied in the very turn in which the store below is asked for its moment.
   */
  async snapshot(): Promise<StoreSnapshot> {
    this.#overlays.filled();
    for (let round = 0; this.#marked !== undefined && round < SNAPSHOT_TURNS_MAX; round++) {
      if (this.#overlays.filled().end <= round * SNAPSHOT_COPIED_BYTES) break;
      // A move that fails ends this life, and nobody must end it by looking.
      if ((await this.spareBytes()) < 0) throw new HoldfastError("DISK_FULL", "the disk has no room for what a snapshot has to move first");
      // Whoever turns the files waits for a move under way, and commits behind it do.
      await this.#moveNow();
      const turned = this.#recording.then(() => this.#turn());
      this.#recording = turned.catch(ignore);
      await turned;
      await this.#moveNow();
    }
    this.#overlays.filled();
    if (this.#failure !== undefined) throw this.#failure.cause;
    const below = this.#base.snapshot();
    try {
      const changes = this.#overlays.changes();
      return new JournaledSnapshot(await below, changes);
    } catch (error) {
      await below.then((snapshot) => snapshot.close()).catch(ignore);
      throw error;
    }
  }

  // --- space ---------------------------------------------------------------------------------------------------

  /** What the files hold may have to be written below once more. Where that leaves nothing it is moved soon: most of it is dead. */
  async spareBytes(): Promise<number> {
    const spare = await this.#base.spareBytes();
    const held = this.#overlays.filled().end + (this.#overlays.moving?.end ?? 0);
    if (spare >= 0 && spare < held) this.#free();
    return spare - held;
  }

  #free(): void {
    if (this.#overlays.moving !== undefined) void this.#moveNow();
    else this.#recording = this.#recording.then(() => this.#turn().then(() => this.#ripe.resolve())).catch(ignore);
  }
}

const ignore = (): void => undefined;
