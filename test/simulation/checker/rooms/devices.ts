import { type GapTold, type Heard, nameOfTarget, type SettleHeard, type Target } from "../../room-history.js";
import { mayHaveHappened } from "../calls.js";
import type { Life } from "../run.js";
import type { Report } from "../violation.js";
import type { DurableCursors } from "./durable-cursors.js";
import { checkGap, DELIVERIES_MAX } from "./gaps.js";
import type { Change, Memberships } from "./memberships.js";
import type { RoomMessage, RoomMessages } from "./room-messages.js";
import type { JoinCall, RoomRun, SessionEvent, SessionRun } from "./room-run.js";
import { Track } from "./track.js";

const LEASE_MS = 30_000;
const WINDOW = 256;

/** Follows every device through every room, and judges each step: S2, S3, S4. */
export class Devices {
  readonly tracks = new Map<string, Track>();
  readonly #run: RoomRun;
  readonly #messages: RoomMessages;
  readonly #members: Memberships;
  readonly #durable: DurableCursors;
  readonly #report: Report;
  /** Messages that a later one came before; one that came after all is an inversion. */
  readonly #passedOver: {
    readonly track: Track;
    readonly missed: RoomMessage;
    readonly text: string;
    readonly proof: readonly number[];
  }[] = [];
  readonly #joins = new Map<string, JoinCall[]>();

  constructor(run: RoomRun, messages: RoomMessages, members: Memberships, durable: DurableCursors, report: Report) {
    this.#run = run;
    this.#messages = messages;
    this.#members = members;
    this.#durable = durable;
    this.#report = report;
    for (const call of run.joins.list) {
      if (!mayHaveHappened(call)) continue;
      const { user, device } = run.session(call.invoked.session).call.invoked;
      const key = keyOf(user, device, { room: call.invoked.room });
      this.#joins.set(key, [...(this.#joins.get(key) ?? []), call]);
    }
    for (const event of run.events) this.#take(event);
    const last = run.run.lives.at(-1);
    for (const track of this.tracks.values()) if (last !== undefined) this.#enter(track, last);
    for (const { track, missed, text, proof } of this.#passedOver)
      if (!track.times.has(missed.sequence)) report.add("missed", text, ...proof);
  }

  /** Joins of a device in a room that may have had an effect. */
  joins(user: string, device: string, target: Target): readonly JoinCall[] {
    return this.#joins.get(keyOf(user, device, target)) ?? [];
  }

  /** What all devices of a user went through in a room. */
  ofUser(user: string, target: Target): Track[] {
    const name = nameOfTarget(target);
    return [...this.tracks.values()].filter((track) => track.user === user && nameOfTarget(track.target) === name);
  }

  track(user: string, device: string, target: Target): Track {
    const key = keyOf(user, device, target);
    const known = this.tracks.get(key);
    if (known !== undefined) return known;
    const track = new Track(user, device, target);
    this.tracks.set(key, track);
    return track;
  }

  #take(event: SessionEvent): void {
    const session = this.#run.session(event.session);
    const { user, device } = session.call.invoked;
    const track = this.track(user, device, event.target);
    if (session.end < event.index) {
      this.#late(event, track, session);
      return;
    }
    this.#checkIsThere(event, track);
    this.#arrive(event, track, session);
    switch (event.type) {
      case "heard":
        this.#hear(event, track);
        break;
      case "gap":
        this.#gap(event, track);
        break;
      case "settle-heard":
        this.#settle(event, track);
        break;
      case "settle-gap":
        track.gaps.note(event.from, event.to);
        break;
      default:
        event satisfies never;
    }
    track.lastIndex = event.index;
  }

  /** Something of a session that is over: it gets nothing, and changes nothing. */
  #late(event: SessionEvent, track: Track, { end }: SessionRun): void {
    if (event.type === "heard" || event.type === "gap")
      this.#report.add("ended-session", `${track} got something on session ${event.session}, which was over`, end, event.index);
    if (event.type === "settle-heard" && (event.changed ?? 0) > 0)
      this.#report.add("stale-accepted", `${track} settled on session ${event.session}, which was over`, end, event.index);
  }

  /** Nothing comes of a room that was removed. */
  #checkIsThere(event: SessionEvent, track: Track): void {
    const removed = this.#run.removedAt(event.target);
    if (removed < event.index && (event.type === "heard" || event.type === "gap"))
      this.#report.add("removed-room", `${track} got something after the room was removed`, removed, event.index);
  }

  #enter(track: Track, life: Life): void {
    if (track.life === life) return;
    track.beginLife(life, track.life === undefined ? Number.POSITIVE_INFINITY : this.#durable.through(track.life));
  }

  /** What happened to the device since its last event. */
  #arrive(event: SessionEvent, track: Track, session: SessionRun): void {
    if (session.life !== undefined) this.#enter(track, session.life);
    this.#noteMoves(event, track);
    if (track.session !== event.session) track.beginSession(event.session);
  }

  #isRemote({ session }: SessionEvent): boolean {
    return this.#run.session(session).call.invoked.remote === true;
  }

  /** Removals and joins since its last event, in the order in which they were over. */
  #noteMoves(event: SessionEvent, track: Track): void {
    track.joining = false;
    const { user, device, target, lastIndex } = track;
    const removals = this.#members
      .removals(target, { user })
      .map((removal) => ({ ...removal, note: () => this.#noteRemoval(removal, event, track) }));
    const joins = this.joins(user, device, target).map((call) => {
      const to = this.#run.lastEffect(call);
      return { from: call.invoked.index, to, note: () => this.#noteJoin(call, to, event, track) };
    });
    const moves = [...removals, ...joins].filter(({ from, to }) => from < event.index && to > lastIndex);
    for (const { note } of moves.sort((a, b) => a.to - b.to)) note();
  }

  #noteRemoval({ from, to, sure }: Change, { index }: SessionEvent, track: Track): void {
    const { target, user } = track;
    const isClear = sure && !this.#members.mayHaveCome(target, { user }, from, to);
    if (!isClear) track.loose = true;
    else if (to < index) {
      track.forget();
      track.gaps.clear();
      track.begunIn = undefined;
    }
  }

  /** A join may let a device begin earlier that did not begin. */
  #noteJoin(call: JoinCall, to: number, { index, at }: SessionEvent, track: Track): void {
    const life = this.#run.lifeAt(call.invoked.index);
    if (track.begunIn !== undefined && track.begunIn === life) return;
    const isOfLife = life === track.life;
    if (to >= index) {
      track.joining = true;
      return;
    }
    track.rejoin(isOfLife ? call.ok?.sequence : undefined);
    if (call.ok !== undefined && isOfLife) track.begin(at);
  }

  // --- messages --------------------------------------------------------------------------------------------------

  #hear(event: Heard, track: Track): void {
    const { target, sequence, index } = event;
    const message = this.#messages.at(target, sequence);
    const known = track.get(sequence);
    if (message !== undefined) this.#checkIsFor(event, track);
    const gap = track.gaps.holding(sequence);
    if (track.unsure) {
      track.hear(event);
      return;
    }
    for (const { told } of track.gaps.untold(event.session))
      this.#report.add("gap-forgotten", `${track} was not told again of the gap from ${told.from} to ${told.to}`, told.index, index);
    if (gap !== undefined) this.#report.add("false-gap", `${track} got sequence ${sequence}, which was told to be a gap`, gap.index, index);
    else if (known === undefined) this.#checkFirst(event, track);
    else if (!known.older) this.#checkAgain(event, track, known.last);
    const lowest = (this.#isRemote(event) ? track.lowestUnanswered : track.lowestOpen) ?? sequence;
    if (sequence >= lowest + WINDOW)
      this.#report.add(
        "window",
        `${track} got sequence ${sequence} before it settled ${lowest}`,
        track.get(lowest)?.last.index ?? -1,
        index,
      );
    track.hear(event);
  }

  #checkIsFor({ sequence, index }: Heard, track: Track): void {
    const { target, user } = track;
    const message = this.#messages.at(target, sequence);
    if (message === undefined || this.#messages.isFor(message, { user }) !== "no") return;
    // Who left and came back by a join may get what was stored before.
    const from = this.#messages.storedFrom(message);
    if (this.#members.mayHaveLeft(target, { user }, from, index) && this.#members.mayHaveChosen(target, { user })) return;
    this.#report.add("excepted", `${track} got ${message}, which was not for ${user}`, from, index);
  }

  #checkFirst(event: Heard, track: Track): void {
    const { sequence, index, redelivered } = event;
    const { highest, floor } = track;
    if (sequence < floor) this.#report.add("again", `${track} got sequence ${sequence}, although it joined at ${floor}`, index);
    if (redelivered && !track.times.has(sequence) && !this.#isRemote(event))
      this.#report.add("false-redelivered", `${track} got sequence ${sequence} for the first time, as if it had come before`, index);
    if (highest === undefined) return;
    const last = track.get(highest)?.last.index ?? -1;
    if (sequence < highest && !track.gaps.ever(sequence)) {
      this.#report.add("inverted", `${track} got sequence ${sequence} for the first time after sequence ${highest}`, last, index);
      return;
    }
    for (let between = highest + 1; between < sequence; between++) {
      const missed = this.#messages.at(track.target, between);
      if (
        missed === undefined ||
        track.get(between) !== undefined ||
        track.gaps.ever(between) ||
        this.#messages.isFor(missed, { user: track.user }) !== "yes"
      )
        continue;
      const text = `${track} got sequence ${sequence} after ${highest}, and ${missed} neither came nor is a gap`;
      this.#passedOver.push({ track, missed, text, proof: [this.#messages.storedFrom(missed), last, index] });
    }
  }

  #checkAgain(event: Heard, track: Track, before: Heard): void {
    const { sequence, index, at, session, redelivered } = event;
    const known = track.get(sequence);
    if (known?.settled || track.isConfirmed(sequence))
      this.#report.add("again", `${track} got sequence ${sequence} again, which it had settled or can get no more`, before.index, index);
    if (!redelivered && track.life !== undefined && before.index > track.life.start)
      this.#report.add("false-redelivered", `${track} got sequence ${sequence} again as if for the first time`, before.index, index);
    if ((known?.timesInLife ?? 0) >= DELIVERIES_MAX && this.#run.settings(track.target).neverBlocks)
      this.#report.add("too-often", `${track} got sequence ${sequence} more than ${DELIVERIES_MAX} times`, before.index, index);
    // What a client did about it before may have arrived after it was sent again.
    if (before.session !== session || this.#isRemote(event)) return;
    if (at < (known?.nackedUntil ?? before.at + LEASE_MS) && !track.mayComeAlong(sequence, before.index))
      this.#report.add("early-retry", `${track} got sequence ${sequence} again before its time`, before.index, index);
  }

  // --- gaps and settlements --------------------------------------------------------------------------------------

  #gap(event: GapTold, track: Track): void {
    checkGap(event, track, this.#run, this.#messages, this.#report);
    track.gaps.add(event);
    // Which of the range it is nobody can tell.
    if (event.count !== undefined) track.loose = true;
    track.advance(event.at);
  }

  #settle(event: SettleHeard, track: Track): void {
    const { first, count, changed = 0, verb, index, at } = event;
    let open = 0;
    for (let sequence = first; sequence < first + count; sequence++) if (track.get(sequence)?.settled === false) open++;
    if (!track.unsure && changed > open)
      this.#report.add("stale-accepted", `${track} settled ${changed} messages by ${verb}, at most ${open} were open`, index);
    // The join that is under way may have moved it before; it does not any more, so what is settled now stays so.
    if (track.joining && changed > 0) track.rejoin(undefined);
    track.settle(event);
    if (changed > 0) track.begin(at);
  }
}

const keyOf = (user: string, device: string, target: Target): string => `${user}\n${device}\n${nameOfTarget(target)}`;
