import type { Call, Done, Moment } from "./history.js";

/** What happened to durable rooms and those in them. Sequences are of the target: a room's, or a user's inbox's. */
export type RoomEvent =
  | DefineRoom
  | MemberCall
  | MemberDone
  | RoomRemove
  | RoomRemoveDone
  | Emit
  | EmitDone
  | Session
  | SessionDone
  | SessionEnded
  | Join
  | JoinDone
  | Heard
  | GapTold
  | SettleHeard
  | SettleGap
  | RoomsDrained
  | RoomScan
  | LedgerSeen;

/** Where a message is emitted to: a room by its name, or the inbox of a user. */
export type Target = { readonly room: string; readonly user?: undefined } | { readonly user: string; readonly room?: undefined };

/** One name for rooms and inboxes: `room kitchen`, `inbox of ann`. */
export const nameOfTarget = (target: Target): string => (target.user === undefined ? `room ${target.room}` : `inbox of ${target.user}`);

/** A user, or a queue that the room feeds. */
export type MemberName = { readonly user: string; readonly queue?: undefined } | { readonly queue: string; readonly user?: undefined };

/** Options of a room, as its user sees them; 0: no such limit. */
export interface RoomSettings {
  readonly maxAgeMs: number;
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly poison: "dead-letter" | "block";
}

/** The room has these options from about here on. */
interface DefineRoom extends Moment {
  readonly type: "define-room";
  readonly room: string;
  readonly options: RoomSettings;
}

/** Somebody becomes a member, or is one no more. */
export interface MemberCall extends Call {
  readonly type: "member-add" | "member-remove";
  readonly room: string;
  readonly member: MemberName;
}

/** `since`: of an addition, the first sequence that is for the member. */
export type MemberDone = Done<"member-done", { readonly since?: number }>;

/** A room is removed with all it has; one that is made after it has another name in the history. */
export interface RoomRemove extends Call {
  readonly type: "room-remove";
  readonly room: string;
}

export type RoomRemoveDone = Done<"room-remove-done">;

export interface Emit extends Call {
  readonly type: "emit";
  /** In the order in which they count: who is in several gets the message through the first. */
  readonly to: readonly Target[];
  readonly except: readonly Target[];
  /** The same id is always emitted to the same targets. */
  readonly id: string;
  /** As of a publish; its numbers are of each target. */
  readonly producer?: { readonly id: string; readonly number: number };
  readonly body: string;
  readonly event?: string;
  readonly key?: string;
  readonly ttlMs?: number;
}

/** One receipt for each target. */
export type EmitDone = Done<"emit-done", { readonly receipts: readonly { readonly sequence: number; readonly duplicate: boolean }[] }>;

/** A device is here. */
export interface Session extends Call {
  readonly type: "session";
  /** Unique in the run. */
  readonly session: string;
  readonly user: string;
  readonly device: string;
  /** Its client wrote this down: what the server handed to it may have been lost on its way, and what it said may never have arrived. */
  readonly remote?: true;
}

export type SessionDone = Done<"session-done">;

/** Nothing comes to the session any more: it left, or another one of its device came. Sessions also end with their life. */
interface SessionEnded extends Moment {
  readonly type: "session-ended";
  readonly session: string;
  readonly reason: "left" | "replaced";
}

/** Says where the session's device begins in a room, of which its user becomes a member. */
export interface Join extends Call {
  readonly type: "join";
  readonly session: string;
  readonly room: string;
  readonly from: "new" | "earliest" | number;
}

/** `sequence`: the first that the device gets. */
export type JoinDone = Done<"join-done", { readonly sequence: number }>;

/** The engine handed a message to a session. Recorded in the order in which it does. */
export interface Heard extends Moment {
  readonly type: "heard";
  readonly session: string;
  readonly target: Target;
  readonly sequence: number;
  readonly id: string;
  readonly body: string;
  readonly event?: string;
  readonly key?: string;
  readonly publishedAt: number;
  /** Certain when it is true. */
  readonly redelivered: boolean;
}

export type GapReason = "retention" | "attempts" | "expired";

/** What a session was told that its device will never get, both ends included. */
export interface GapTold extends Moment {
  readonly type: "gap";
  readonly session: string;
  readonly target: Target;
  readonly from: number;
  readonly to: number;
  readonly reason: GapReason;
  /** How many of them, when the others came. */
  readonly count?: number;
}

/** A settlement of a session reached the engine, which says how many messages of the run it changed; or may have reached it, when nobody was told. */
export interface SettleHeard extends Moment {
  readonly type: "settle-heard";
  readonly session: string;
  readonly target: Target;
  readonly first: number;
  readonly count: number;
  readonly verb: "ack" | "nack";
  readonly delayMs?: number;
  readonly changed?: number;
}

/** A session took note of a gap, and the engine heard of it. */
export interface SettleGap extends Moment {
  readonly type: "settle-gap";
  readonly session: string;
  readonly target: Target;
  readonly from: number;
  readonly to: number;
}

/** At the end: every device was here, settled all that came and took note of all gaps, until nothing came any more. */
interface RoomsDrained extends Moment {
  readonly type: "rooms-drained";
}

/** At the end: all that a room has, and its counts. */
export interface RoomScan extends Moment {
  readonly type: "room-scan";
  readonly target: Target;
  /** The lowest sequence it has, and the next one that it will give. */
  readonly head: number;
  readonly next: number;
  readonly messages: readonly { readonly id: string; readonly sequence: number }[];
  readonly published: number;
  readonly expired: number;
  readonly members: readonly { readonly member: MemberName; readonly since: number }[];
}

/** What became of a message with each user it was for. */
export interface LedgerSeen extends Moment {
  readonly type: "ledger";
  readonly target: Target;
  readonly sequence: number;
  readonly delivered: readonly string[];
  readonly pending: readonly string[];
  readonly failed: readonly string[];
}
