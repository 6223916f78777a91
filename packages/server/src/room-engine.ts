import type { ReceiptRun } from "holdfast-client/protocol";
import type { AppendRequest, Page } from "./engine.js";
import type { RoomOptions, RoomOptionsChange } from "./room-options.js";
import type { RoomNews, RoomWatching } from "./room-watching.js";

/** Which room: names are scoped by namespace. */
export interface RoomAddress {
  readonly namespace: string;
  readonly room: string;
}

/** Where a message may be emitted to: a room, or a user's inbox, a room of its own kind with that one member. */
export type RoomTarget = { readonly room: string; readonly user?: undefined } | { readonly user: string; readonly room?: undefined };

/** Who may be in a room. The room feeds a queue that is in it. */
export type RoomMember = { readonly user: string; readonly queue?: undefined } | { readonly queue: string; readonly user?: undefined };

/** One device of one user. Users are 1 to 256 bytes, devices are named like queues; the caller checks both. */
export interface DeviceAddress {
  readonly namespace: string;
  readonly user: string;
  readonly device: string;
}

/** Where a device that is new in a room begins: with what comes, with the oldest message there is, or with this sequence. */
export type JoinFrom = "new" | "earliest" | number;

/** Messages for rooms and users, packed as `record.ts` describes. */
export interface EmitRequest {
  readonly namespace: string;
  /** At least one, none twice. A user who is reached through several gets each message once, through the first of them. */
  readonly to: readonly RoomTarget[];
  /** Users, and rooms whose members, get nothing of it. One that does not exist has nobody in it. */
  readonly except: readonly RoomTarget[];
  readonly count: number;
  readonly records: Uint8Array;
  /** As of `AppendRequest`. A producer always emits to the same `to`. */
  readonly producer?: AppendRequest["producer"];
}

/** A room as it comes with messages: the number names it in `settleRoom`; a room made anew has another one. */
export interface RoomRef {
  readonly number: number;
  readonly target: RoomTarget;
}

/** A block of messages as it is stored, the same object for every session that gets some of it while it is in memory. */
export interface RoomBlock {
  readonly room: RoomRef;
  /** Sequence of the message at index 0; those after it follow without a hole. */
  readonly first: number;
  readonly publishedAt: number;
  /** The record of index i lies in `bytes` from `offsets[i]` to `offsets[i + 1]`. Never changed, so they may be kept. */
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
}

/**
 * Messages of one block for one session: those of the indices `from` to `to` (not included). Sessions that get the very
 * same ones as first deliveries get the very same object, one after the other, so that what is made of it can be kept
 * and used again.
 */
export interface RoomSlice {
  readonly kind: "messages";
  readonly block: RoomBlock;
  readonly from: number;
  readonly to: number;
  /** All of them were sent to the device before. What a crash made the engine forget is not known to have been. */
  readonly redelivered: boolean;
}

/** What a device will never get. Comes again every 30 s, and to every new session, until `settleGap`; one that grew in the place of what it was. */
export interface RoomGap {
  readonly kind: "gap";
  readonly room: RoomRef;
  /** Both included. */
  readonly from: number;
  readonly to: number;
  /** Retention overtook the device, they were delivered 5 times and not acknowledged, or their time to live was over. */
  readonly reason: "retention" | "attempts" | "expired";
  /** How many of the range: it became one of several, and the others came, or come. Absent: all of it. */
  readonly count?: number;
}

export type RoomItem = RoomSlice | RoomGap;

/** One fate for messages with consecutive sequences. */
export interface RoomSettleRun {
  readonly first: number;
  readonly count: number;
  readonly verb: "ack" | "nack";
  /** nack: not again before this long; undefined leaves it to the engine, which waits from 0.1 s on, doubled each time. */
  readonly delayMs?: number | undefined;
}

/** A member as `members` shows it. */
export interface RoomMemberInfo {
  readonly member: RoomMember;
  /** The first message that is for it. */
  readonly since: number;
  /** Its devices that are known; 0 for a queue. */
  readonly devices: number;
  /** Its devices that are attached now. */
  readonly online: number;
}

/** A live session of a user. */
export interface RoomSession {
  readonly session: number;
  readonly device: string;
}

export interface RoomStats {
  /** Messages it has, and the bytes of their records. */
  readonly messages: number;
  readonly bytes: number;
  /** Emitted since it was created, and of those gone by retention. */
  readonly published: number;
  readonly expired: number;
  readonly members: number;
  /** Devices that are known, and those attached now. */
  readonly devices: number;
  readonly online: number;
  /** The lowest sequence it has, and the next one that it will give. */
  readonly head: number;
  readonly next: number;
  readonly oldestAgeMs: number;
}

/** Which message of a room. */
export type RoomMessage = { readonly id: string; readonly sequence?: undefined } | { readonly sequence: number; readonly id?: undefined };

/** What became of one message with each user it was for. */
export interface RoomLedger {
  readonly sequence: number;
  /** The message, as long as the room has it. */
  readonly record: Uint8Array | undefined;
  /** Of all users, not of the page. */
  readonly counts: { readonly delivered: number; readonly pending: number; readonly failed: number };
  /** Users of this page, in the order in which they became members. */
  readonly delivered: readonly string[];
  readonly pending: readonly string[];
  readonly failed: readonly string[];
  /** Given when there are more: continues as `after`. */
  readonly next?: number;
}

/** A message of a room, as it is stored. */
export interface RoomRecord {
  readonly sequence: number;
  readonly publishedAt: number;
  readonly record: Uint8Array;
}

/** What an engine tells of rooms; every call is made from its own turn, never from inside a method of the engine. */
export interface RoomEvents {
  /** Retention removed messages of the room before a queue that is a member had room for them: it never gets them (promise S4). */
  onOvertaken(room: RoomAddress, queue: string, from: number, to: number): void;
  /** These sessions may have something to pull that they did not have when `pull` last came back empty. Only a hint. */
  onRoomWork(sessions: readonly number[]): void;
  /** What happened in rooms that are watched, in order; `RoomWatching.watch` asks for it. */
  onRoomNews(news: readonly RoomNews[]): void;
  /** The session is over, without `detachDevice`: another one of its device came, or the engine stopped and opened again (then all go). */
  onSessionEnded(session: number, reason: "replaced" | "engine-restarted"): void;
}

/**
 * Durable rooms: the part of the engine contract that hands every message to every member.
 *
 * A **device** of a member has a cursor in each of the member's rooms: its lowest message that is not settled. It never
 * goes back behind what was confirmed, and survives everything; acknowledgements above it last as long as the session.
 * A **session** is one live attachment of a device. As for queues the engine only hints; whoever serves the session pulls.
 *
 * Promises, failures and `UNKNOWN` are as for `Engine`.
 */
export interface RoomEngine {
  readonly watching: RoomWatching;

  /** Creates the room or changes the given options; the others keep their value. Retention that is lowered applies at once. */
  defineRoom(address: RoomAddress, change: RoomOptionsChange): Promise<void>;
  /** The options in force, or undefined when there is no such room. Synchronous: the broker asks per request. */
  roomOptions(address: RoomAddress): RoomOptions | undefined;
  /** Removes the room with its messages and members. `NOT_FOUND` when there is none. */
  removeRoom(address: RoomAddress): Promise<void>;
  /** Names of a namespace's rooms in order, those after `after`; inboxes are not among them. */
  listRooms(namespace: string, after: string | undefined, limit: number): Promise<Page<string, string>>;
  /** As `listRooms`, of those that a user is a member of. */
  roomsOf(namespace: string, user: string, after: string | undefined, limit: number): Promise<Page<string, string>>;
  /** `NOT_FOUND` when there is none. */
  roomStats(address: RoomAddress): Promise<RoomStats>;

  /**
   * Adds a member, and creates the room if there is none. From the call on every emit is for it (promise S1), also
   * for its devices that are attached. Resolves to the first sequence that is for it; again changes nothing.
   * `TOO_LARGE` when the room has as many members as it may, or the user as many rooms.
   */
  addMember(address: RoomAddress, member: RoomMember): Promise<number>;
  /** Removes a member with all its devices: it gets nothing more. Again, or where there is no such room, changes nothing. */
  removeMember(address: RoomAddress, member: RoomMember): Promise<void>;
  /** Members in the order in which they came. `NOT_FOUND` when there is no such room. */
  members(address: RoomAddress, after: number, limit: number): Promise<Page<RoomMemberInfo, number>>;

  /**
   * Stores messages in every room and inbox of `to`, in one commit, and resolves once they survive a crash: to runs of
   * receipts per target, in the order of `to`. Each message has its own fate, the same everywhere: it is in all of them
   * or refused in all. A message stored before gives its first receipt, as in a queue.
   *
   * Who is in which room is looked at as the call is made. Rooms and inboxes are created.
   */
  emit(request: EmitRequest): Promise<readonly (readonly ReceiptRun[])[]>;

  /**
   * Begins a session and resolves to its number, given by no other life and no earlier call. A session that the device has is over at once
   * (`onSessionEnded`). In each room of its user where the device was never seen it begins: with the member's first
   * message when it is the member's first device, else with what comes.
   *
   * The caller pulls once it knows the number: what is there already is not hinted at again.
   *
   * `TOO_LARGE` when the user has as many devices as may be.
   */
  attachDevice(address: DeviceAddress): Promise<number>;
  /** Ends a session: what was sent to it and not settled counts a delivery. Again changes nothing. */
  detachDevice(session: number): Promise<void>;
  /** Live sessions of a user. Synchronous. */
  sessionsOf(namespace: string, user: string): readonly RoomSession[];

  /**
   * Makes the user of the session a member of the room, if it is not, and lets its device begin at `from`; resolves to the
   * lowest sequence that the device has not settled. When that makes the user a member, the device is the first one, and
   * `from` is the member's first message. Where the user is one, `from` is ignored for the first device, and for a later one
   * that joined before, settled something or was told a gap. Else it lets that one begin earlier than with what came since
   * it was first here, and never later: of that nothing is passed over. What was sent to it comes again in its place then.
   *
   * `NOT_FOUND` when the session is over; `TOO_LARGE` as `addMember`.
   */
  join(session: number, room: string, from: JoinFrom): Promise<number>;

  /**
   * Takes what the session may have now, of at most about `bytesMax` in total (always at least one message): of each room
   * in order, within 256 messages from the cursor of its device; up to 63 of them a second later while it is far behind. Synchronous: what is not in memory is read, and `onRoomWork`
   * tells when it is there. It may come back with less than there is; the caller goes on until it comes back empty, or
   * whenever the session can take more.
   *
   * First deliveries come in order of sequence, without a hole but those told as gaps (promises S2, S4). What was nacked comes
   * again when its delay is over, and with it, from the cursor in order, what is in hand, which counts for the first 4 deliveries of each. What is in
   * hand comes again by itself when it was not answered for 30 s, at the most 60, since it came or the lowest message in hand was
   * answered; what is due together comes in order. A message is handed out 5 times at most.
   */
  pull(session: number, bytesMax: number): readonly RoomItem[];
  /** Whether the session catches up: the last pull that brought something left more than 256 messages of a room that it was of. */
  isBehind(session: number): boolean;

  /**
   * Settles messages of a room that the session was given. Nothing waits for it: the device's cursor is durable within 100 ms.
   *
   * An ack settles a message whenever it comes. A nack is of one that is in hand, or gives a time of its own to one that was to come along
   * with another.
   *
   * @returns how many changed something; the others were settled before, were never given to it, or are of another session
   */
  settleRoom(session: number, room: number, runs: readonly RoomSettleRun[]): number;
  /** The device took note of a gap: it does not come again, once that is durable, within 100 ms. */
  settleGap(session: number, room: number, from: number, to: number): void;

  /**
   * What became of a message with each user who is a member now and whom it is for: a member when it was emitted, or one whose
   * join began with it or before it. Any device of a user counts.
   * `NOT_FOUND` when there is no such room, or no such message: one with a given id is looked for among the newest 100,000.
   *
   * @param after 0, or `next` of the page before
   */
  ledger(namespace: string, target: RoomTarget, message: RoomMessage, after: number, limit: number): Promise<RoomLedger>;

  /**
   * Messages of a room with a sequence below `before`, the newest first, as a user sees them who is a member: all that the
   * room keeps, also from before the user came, but nothing that expired or that the user was excepted from. It settles
   * nothing. A page may be short, or empty, and have a `next`, which continues it as `before`.
   *
   * `NOT_FOUND` when there is no such room; `FORBIDDEN` when the user is no member of it.
   */
  history(address: RoomAddress, user: string, before: number, limit: number): Promise<Page<RoomRecord, number>>;
}
