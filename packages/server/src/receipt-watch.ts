import type { RoomTarget } from "./room-engine.js";
import type { CountedMessage, RoomCounts } from "./room-watching.js";

/** Messages that one watch may have open; with one more it gives up the one that it has had for the longest time. */
const MESSAGES_MAX = 1_000;

/** A message with its counts. */
export interface CountedReceipt {
  readonly id: string;
  readonly sequence: number;
  readonly counts: RoomCounts;
}

/** What has changed, of whichever room or inbox. */
export type ReceiptUpdate = RoomTarget & CountedReceipt;

/** Somebody who wants to know what becomes of his messages. */
export interface ReceiptWatcher {
  readonly user: string;
  /** Whether it takes something now. */
  hasRoom(): boolean;
  /** Calls `wake` once when `hasRoom` is worth another look. */
  whenRoom(wake: () => void): void;
  tell(items: readonly ReceiptUpdate[]): void;
  /** This room is watched no more; it is to ask again. */
  askAgain(target: RoomTarget): void;
}

/** A message that may still be delivered to somebody. */
export interface OpenMessage {
  readonly room: ReceiptRoom;
  readonly message: CountedMessage;
  counts: RoomCounts | undefined;
  readonly watches: Set<ReceiptWatch>;
}

/** A room or inbox of which receipts are watched. */
export class ReceiptRoom {
  readonly namespace: string;
  readonly target: RoomTarget;
  readonly watches = new Set<ReceiptWatch>();
  /** By sequence. */
  readonly open = new Map<number, OpenMessage>();
  /** What is from there on was not looked through for messages of those who watch. */
  lookedTo: number;

  constructor(namespace: string, target: RoomTarget, lookedTo: number) {
    this.namespace = namespace;
    this.target = target;
    this.lookedTo = lookedTo;
  }
}

/** What one watcher watches. */
export class ReceiptWatch {
  readonly watcher: ReceiptWatcher;
  readonly rooms = new Set<ReceiptRoom>();
  /** The one that it has had for the longest time first. */
  readonly #open = new Set<OpenMessage>();
  /** Those of them whose counts are to be told. */
  readonly #changed = new Set<OpenMessage>();

  constructor(watcher: ReceiptWatcher) {
    this.watcher = watcher;
  }

  /** @param counts what the watcher knows already */
  add(room: ReceiptRoom, message: CountedMessage, counts?: RoomCounts): void {
    const open = room.open.get(message.sequence) ?? { room, message, counts, watches: new Set() };
    room.open.set(message.sequence, open);
    open.watches.add(this);
    this.#open.add(open);
    if (this.#open.size <= MESSAGES_MAX) return;
    const [oldest] = this.#open;
    if (oldest !== undefined) this.#drop(oldest);
  }

  changed(open: OpenMessage): void {
    this.#changed.add(open);
  }

  /** What is to be told; of what nothing is pending any more it is the last time. */
  take(): ReceiptUpdate[] {
    const updates: ReceiptUpdate[] = [];
    for (const open of this.#changed) {
      const { room, message, counts } = open;
      if (counts === undefined) continue;
      updates.push({ ...room.target, id: message.id, sequence: message.sequence, counts });
      if (counts.pending === 0) this.#drop(open);
    }
    this.#changed.clear();
    return updates;
  }

  /** Does not watch the room any more. */
  leave(room: ReceiptRoom): void {
    this.rooms.delete(room);
    room.watches.delete(this);
    for (const open of this.#open) if (open.room === room) this.#drop(open);
  }

  #drop(open: OpenMessage): void {
    this.#open.delete(open);
    this.#changed.delete(open);
    open.watches.delete(this);
    if (open.watches.size === 0) open.room.open.delete(open.message.sequence);
  }
}
