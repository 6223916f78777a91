import type { HistoryEvent } from "../../history.js";
import type * as history from "../../room-history.js";
import { nameOfTarget, type Target } from "../../room-history.js";
import { CallLog, type CallRecord } from "../calls.js";
import type { Life, Run } from "../run.js";
import { LoosestRoomSettings } from "./room-settings.js";

type Ok<Done> = Extract<Done, { outcome: "ok" }>;
export type EmitCall = CallRecord<history.Emit, Ok<history.EmitDone>>;
export type JoinCall = CallRecord<history.Join, Ok<history.JoinDone>>;
type SessionCall = CallRecord<history.Session, Ok<history.SessionDone>>;

/** A session of a device, and when it was there. */
export interface SessionRun {
  readonly call: SessionCall;
  readonly life: Life | undefined;
  /** The index from which on nothing comes to it any more; Infinity when it was there to the end. */
  end: number;
}

/** What happened to sessions, in order: it is judged step by step. */
export type SessionEvent = history.Heard | history.GapTold | history.SettleHeard | history.SettleGap;

/** The part of a history that is about rooms, taken apart in one pass. */
export class RoomRun {
  readonly run: Run;
  readonly emits = new CallLog<history.Emit, history.EmitDone>();
  readonly changes = new CallLog<history.MemberCall, history.MemberDone>();
  readonly joins = new CallLog<history.Join, history.JoinDone>();
  readonly removals = new CallLog<history.RoomRemove, history.RoomRemoveDone>();
  readonly sessions = new Map<string, SessionRun>();
  readonly events: SessionEvent[] = [];
  readonly ledgers: history.LedgerSeen[] = [];
  readonly scans = new Map<string, history.RoomScan>();
  /** When all devices had taken all they could; Infinity when that was not waited for. */
  drained = Number.POSITIVE_INFINITY;
  readonly #settings = new Map<string, LoosestRoomSettings>();
  readonly #sessionCalls = new CallLog<history.Session, history.SessionDone>();

  constructor(events: readonly HistoryEvent[], run: Run) {
    this.run = run;
    for (const event of events) this.#take(event);
  }

  /** The options of a room; an inbox has the defaults. */
  settings(target: Target): LoosestRoomSettings {
    const name = nameOfTarget(target);
    const known = this.#settings.get(name) ?? new LoosestRoomSettings();
    this.#settings.set(name, known);
    return known;
  }

  session(name: string): SessionRun {
    const session = this.sessions.get(name);
    if (session === undefined) throw new Error(`session ${name} was never asked for`);
    return session;
  }

  /** How many deliveries of a message the device may not have heard by then: one for each connection that it lost. */
  lostMax(user: string, device: string, index: number): number {
    const sessions = [...this.sessions.values()].map(({ call }) => call.invoked);
    return sessions.filter((one) => one.remote && one.user === user && one.device === device && one.index < index).length;
  }

  /** When a target was surely removed; Infinity when it was not. */
  removedAt({ room }: Target): number {
    const removal = this.removals.list.find(({ invoked, ok }) => invoked.room === room && ok !== undefined);
    return removal?.doneIndex ?? Number.POSITIVE_INFINITY;
  }

  /** The life that ran at the index, or the last one before. */
  lifeAt(index: number): Life | undefined {
    return this.run.lives.findLast(({ start }) => start < index);
  }

  /** The latest index at which a call that was invoked then can have taken effect: it does not reach another life. */
  lastEffect({ invoked, doneIndex }: { readonly invoked: { readonly index: number }; readonly doneIndex: number }): number {
    return Math.min(doneIndex, this.lifeAt(invoked.index)?.end ?? Number.POSITIVE_INFINITY);
  }

  #take(event: HistoryEvent): void {
    switch (event.type) {
      case "define-room":
        this.settings({ room: event.room }).add(event.options);
        break;
      case "emit":
        this.emits.invoke(event);
        break;
      case "emit-done":
        this.emits.done(event);
        break;
      case "member-add":
      case "member-remove":
        this.changes.invoke(event);
        break;
      case "member-done":
        this.changes.done(event);
        break;
      case "room-remove":
        this.removals.invoke(event);
        break;
      case "room-remove-done":
        this.removals.done(event);
        break;
      case "join":
        this.joins.invoke(event);
        break;
      case "join-done":
        this.joins.done(event);
        break;
      case "session":
        this.#begin(event);
        break;
      case "session-done":
        this.#sessionCalls.done(event);
        break;
      case "session-ended":
        this.session(event.session).end = Math.min(this.session(event.session).end, event.index);
        break;
      case "heard":
      case "gap":
      case "settle-heard":
      case "settle-gap":
        this.events.push(event);
        break;
      case "rooms-drained":
        this.drained = event.index;
        break;
      case "room-scan":
        this.scans.set(nameOfTarget(event.target), event);
        break;
      case "ledger":
        this.ledgers.push(event);
        break;
    }
  }

  #begin(event: history.Session): void {
    const life = this.lifeAt(event.index);
    this.sessions.set(event.session, { call: this.#sessionCalls.invoke(event), life, end: life?.end ?? Number.POSITIVE_INFINITY });
  }
}
