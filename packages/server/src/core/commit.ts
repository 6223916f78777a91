import type { Write } from "../store.js";
import { Block } from "./block.js";
import type { Chain } from "./chain.js";
import type { Chains } from "./chains.js";
import type { DueMessage } from "./due-list.js";
import { packMark } from "./due-mark.js";
import type { HeldMessage } from "./held-message.js";
import * as keys from "./keys.js";
import { packState, type Queue } from "./queue.js";
import type { Rank } from "./rank.js";
import { type Reservation, reserveLog, reserveNew, reserveNext, wantedBy, withdraw } from "./reserve.js";
import type { RoomMark } from "./rooms/room-commit.js";
import type { Schedule } from "./schedule.js";
import { sealDedup } from "./seal-dedup.js";
import { lookAt, NEVER } from "./timing.js";

/** The writes of one commit, and what becomes visible once they are durable. */
export interface SealedCommit {
  readonly writes: readonly Write[];
  readonly blocks: readonly NewBlock[];
  readonly due: readonly { readonly queue: Queue; readonly message: DueMessage }[];
  readonly chains: readonly ChainChange[];
  readonly schedules: readonly Schedule[];
  /** When expiries that the commit noted come, the nearest of each queue. */
  readonly expiries: ReadonlyMap<Queue, number>;
  readonly marks: readonly Mark[];
  readonly rooms: readonly RoomMark[];
}

/** A block of new messages; the log ended at `after` before it. */
interface NewBlock {
  readonly queue: Queue;
  readonly block: Block;
  readonly after: number;
  readonly promoted: boolean;
}

/** How far a queue is durable with a commit. */
interface Mark {
  readonly queue: Queue;
  readonly next: number;
  readonly logEnd: number;
  readonly nextOrder: number;
  readonly leasedThrough: number;
  readonly reserved: readonly Reservation[];
  /** Chains that may give their next message, as far as this commit is concerned, unless others took their place. */
  readonly chains: Chains | undefined;
  readonly thawing: readonly Chain[];
  /** Something gave way in it. */
  readonly pushes: boolean;
}

const NONE: readonly Chain[] = [];

/** What a commit puts into a chain once it is durable. */
export interface ChainChange {
  readonly queue: Queue;
  readonly chain: Chain;
  /** A message that was given back to it, and for which it was frozen. */
  readonly held?: HeldMessage;
  /** A message that only the store has. */
  readonly stored?: Rank;
}

/** The value of an entry that says all in its key. */
const MARK = Buffer.of(1);

/** The commit that is being filled: which queues changed, and what is to be written beside their state. */
export class CommitBuilder {
  readonly #dirty = new Set<Queue>();
  #writes: Write[] = [];
  #due: { queue: Queue; message: DueMessage }[] = [];
  #chains: ChainChange[] = [];
  #schedules: Schedule[] = [];
  #blocks: NewBlock[] = [];
  #expiries = new Map<Queue, number>();
  /** The number of this commit; rises from commit to commit, also across lives while ids are remembered. */
  number = 1;

  /** The queues that it changes. */
  get queues(): Iterable<Queue> {
    return this.#dirty;
  }

  get hasChanges(): boolean {
    return this.#dirty.size > 0 || this.#writes.length > 0;
  }

  /** The queue's state changed. */
  touch(queue: Queue): void {
    this.#dirty.add(queue);
  }

  write(key: Uint8Array, value: Uint8Array | undefined): void {
    this.#writes.push({ key, value });
  }

  /** Writes a key that the store does not have. */
  add(key: Uint8Array, value: Uint8Array | undefined): void {
    this.#writes.push({ key, value, fresh: true });
  }

  /** A message of a due list that may be leased once the commit is durable. */
  showDue(queue: Queue, message: DueMessage): void {
    this.#due.push({ queue, message });
  }

  /** Notes in the store that something expires there. */
  writeExpiry(queue: Queue, expireAt: number, kind: number, sequence: number, place: Uint8Array): void {
    if (expireAt === NEVER) return;
    const at = lookAt(expireAt);
    this.write(keys.expiryKey(queue.number, at, kind, sequence), place);
    this.#expiries.set(queue, Math.min(this.#expiries.get(queue) ?? NEVER, at));
  }

  /** What was noted there is gone. */
  removeExpiry(queue: Queue, expireAt: number, kind: number, sequence: number): void {
    if (expireAt !== NEVER) this.write(keys.expiryKey(queue.number, lookAt(expireAt), kind, sequence), undefined);
  }

  /** A schedule that begins once the commit is durable. */
  showSchedule(schedule: Schedule): void {
    this.#schedules.push(schedule);
  }

  /** A change of a chain that shows once the commit is durable. */
  showChain(change: ChainChange): void {
    this.#chains.push(change);
    this.#dirty.add(change.queue);
  }

  /** What was to show in the queue's chains does not any more. */
  forgetChains(queue: Queue): void {
    this.#chains = this.#chains.filter((change) => change.queue !== queue);
  }

  /** The queue is gone: nothing of it is written any more. */
  forget(queue: Queue): void {
    this.#dirty.delete(queue);
    this.forgetChains(queue);
    this.#due = this.#due.filter((shown) => shown.queue !== queue);
    this.#blocks = this.#blocks.filter((shown) => shown.queue !== queue);
    this.#expiries.delete(queue);
  }

  /** Ends the commit, to which `rooms` have added theirs. The next operations go into the next one. */
  seal(now: number, rooms: readonly RoomMark[]): SealedCommit {
    const commit = this.number++;
    const marks: Mark[] = [];
    for (const queue of this.#dirty) {
      this.#sealDefinition(queue);
      if (queue.chains !== undefined) {
        reserveNext(queue, queue.chains);
        withdraw(queue);
      }
      if (queue.pending.length > 0) this.packPending(queue);
      if (queue.chains?.fifo === true) reserveLog(queue, queue.chains);
      this.#sealDelays(queue);
      this.#sealSettled(queue);
      sealDedup(queue, commit, now, this);
      sealMark(queue);
      queue.rates.note(now, queue.counts);
      this.write(queue.stateKey, packState(queue));
      this.#sealMarks(queue);
      const { next, logEnd, nextOrder, leasedThrough, reserving: reserved, chains } = queue;
      const pushes = chains?.takePush() === true;
      marks.push({ queue, next, logEnd, nextOrder, leasedThrough, reserved, chains, thawing: chains?.takeThawing() ?? NONE, pushes });
      queue.reserving = [];
    }
    const sealed: SealedCommit = {
      writes: this.#writes,
      blocks: this.#blocks,
      due: this.#due,
      chains: this.#chains,
      schedules: this.#schedules,
      expiries: this.#expiries,
      marks,
      rooms,
    };
    this.#dirty.clear();
    this.#writes = [];
    this.#due = [];
    this.#chains = [];
    this.#schedules = [];
    this.#blocks = [];
    this.#expiries = new Map();
    return sealed;
  }

  #sealDefinition(queue: Queue): void {
    if (!queue.definitionDirty) return;
    queue.definitionDirty = false;
    const { namespace, name, options, paused } = queue;
    this.write(keys.definitionKey(queue.number), Buffer.from(JSON.stringify({ namespace, name, options, paused }), "utf8"));
  }

  /** Packs what was appended since the last commit. */
  packPending(queue: Queue): void {
    for (const pending of queue.pending) {
      const { after, first, count, bytes, records, publishedAt, promoted } = pending;
      const block = Block.pack(queue.number, first, publishedAt, queue.lastCrc, count, records, bytes, pending);
      queue.lastCrc = block.crc;
      for (const at of block.expiryTimes) this.writeExpiry(queue, at, keys.EXPIRES_IN.block, first, MARK);
      if (queue.chains !== undefined) reserveNew(queue, queue.chains, block);
      this.add(keys.blockKey(queue.number, first), block.bytes);
      this.#blocks.push({ queue, block, after, promoted });
      queue.unshown.push(block);
    }
    queue.pending = [];
  }

  #sealMarks(queue: Queue): void {
    for (const list of queue.levels.lists) {
      if (!list.markDirty) continue;
      list.markDirty = false;
      if (list.number > 0) this.write(keys.listKey(queue.number, list.number), packMark(list.mark));
    }
  }

  #sealDelays(queue: Queue): void {
    for (const delay of queue.delays.seal()) {
      const { first, count, bytes, records, publishedAt, due } = delay;
      const block = Block.pack(queue.number, first, publishedAt, 0, count, records, bytes, delay);
      this.add(keys.delayedKey(queue.number, due, first), block.bytes);
    }
  }

  #sealSettled(queue: Queue): void {
    for (const block of queue.dirtyBlocks.takeAll()) {
      // With an order a block that was read again may have a bitmap of marks that it was read without.
      const mayBeStored = block.settledStored || queue.chains !== undefined;
      const key = keys.settledKey(queue.number, block.first);
      if (block.live > 0) {
        if (mayBeStored) this.write(key, block.bitmap);
        else this.add(key, block.bitmap);
        block.settledStored = true;
        continue;
      }
      this.write(keys.blockKey(queue.number, block.first), undefined);
      for (const at of block.expiryTimes) this.removeExpiry(queue, at, keys.EXPIRES_IN.block, block.first);
      if (mayBeStored) this.write(key, undefined);
      queue.drainedBytes += block.size;
    }
  }
}

/**
 * The mark runs ahead of the cursor by what the consumers will take as soon as this commit is durable, so that those
 * deliveries need no commit of their own. A crash just then counts an attempt for what was about to be sent.
 */
function sealMark(queue: Queue): void {
  if (queue.chains !== undefined) {
    // Each message has a mark of its own here; this says how far the log has any.
    queue.leasedThrough = Math.max(queue.cursor - 1, queue.recoverThrough, queue.retired ? 0 : queue.reservedThrough);
    return;
  }
  const reserved = Math.min(queue.next - 1, queue.cursor - 1 + wantedBy(queue));
  const unread = queue.recovers ? queue.recoverThrough : 0;
  queue.leasedThrough = queue.retired ? unread : Math.max(reserved, unread);
}
