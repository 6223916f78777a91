import type { MemberName, Target } from "../../room-history.js";
import { mayHaveHappened } from "../calls.js";
import { addTo } from "../run.js";
import type { RoomRun } from "./room-run.js";

/** A call that made somebody a member, or ended that. */
export interface Change {
  readonly adds: boolean;
  /** It was a join that may have chosen a place before its time. */
  readonly chooses: boolean;
  /** It took effect after this index, and before that one if at all. */
  readonly from: number;
  readonly to: number;
  /** Whether it surely took effect. */
  readonly sure: boolean;
}

const keyOf = (room: string, member: MemberName): string =>
  `${roomOf(room)}${member.user === undefined ? "queue" : "user"}\n${member.user ?? member.queue}`;

const roomOf = (room: string): string => `${room}\n`;

/** Who surely or possibly was in which room, at any time. */
export class Memberships {
  readonly #changes = new Map<string, Change[]>();

  constructor(run: RoomRun) {
    for (const call of run.changes.list) {
      if (!mayHaveHappened(call)) continue;
      const { type, room, member, index } = call.invoked;
      const change = { adds: type === "member-add", chooses: false, from: index, to: run.lastEffect(call), sure: call.ok !== undefined };
      addTo(this.#changes, keyOf(room, member), change);
    }
    for (const call of run.joins.list) {
      if (!mayHaveHappened(call)) continue;
      const { session, room, from, index } = call.invoked;
      const { user } = run.session(session).call.invoked;
      const change = { adds: true, chooses: from !== "new", from: index, to: run.lastEffect(call), sure: call.ok !== undefined };
      addTo(this.#changes, keyOf(room, { user }), change);
    }
    for (const call of run.removals.list) {
      if (!mayHaveHappened(call)) continue;
      const change = { adds: false, chooses: false, from: call.invoked.index, to: run.lastEffect(call), sure: call.ok !== undefined };
      // Nobody is a member of a room that is gone.
      for (const [key, changes] of this.#changes) if (key.startsWith(roomOf(call.invoked.room))) changes.push(change);
    }
    for (const changes of this.#changes.values()) changes.sort((a, b) => a.from - b.from);
  }

  #of({ room, user: owner }: Target, member: MemberName): readonly Change[] | boolean {
    if (room === undefined) return member.user === owner;
    return this.#changes.get(keyOf(room, member)) ?? false;
  }

  /** Whether it was a member all the time from `from` to `to`. */
  surely(target: Target, member: MemberName, from: number, to: number): boolean {
    return this.#sureSince(target, member, from, to) !== undefined;
  }

  /** Since when it was surely a member, as one that was not removed up to `to`. */
  #sureSince(target: Target, member: MemberName, from: number, to: number): number | undefined {
    const changes = this.#of(target, member);
    if (typeof changes === "boolean") return changes ? -1 : undefined;
    const add = changes.find(
      (one) => one.adds && one.sure && one.to <= from && !changes.some((other) => !other.adds && other.to > one.from && other.from < to),
    );
    return add?.to;
  }

  /** Whether it can have been a member at some time from `from` to `to`. */
  possibly(target: Target, member: MemberName, from: number, to: number): boolean {
    const changes = this.#of(target, member);
    if (typeof changes === "boolean") return changes;
    return changes.some(
      (one) => one.adds && one.from < to && !changes.some((other) => !other.adds && other.sure && other.from > one.to && other.to < from),
    );
  }

  /** Whether it may have been removed between. */
  mayHaveLeft(target: Target, member: MemberName, from: number, to: number): boolean {
    const changes = this.#of(target, member);
    return typeof changes !== "boolean" && changes.some((one) => !one.adds && one.to > from && one.from < to);
  }

  /** Whether a join may have begun before its time, with messages that were there. */
  mayHaveChosen(target: Target, member: MemberName): boolean {
    const changes = this.#of(target, member);
    return typeof changes !== "boolean" && changes.some(({ chooses }) => chooses);
  }

  /** Removals: those that surely happened, and those of which nobody knows. */
  removals(target: Target, member: MemberName): readonly Change[] {
    const changes = this.#of(target, member);
    return typeof changes === "boolean" ? [] : changes.filter(({ adds }) => !adds);
  }

  /** Whether somebody may have been added between. */
  mayHaveCome(target: Target, member: MemberName, from: number, to: number): boolean {
    const changes = this.#of(target, member);
    return typeof changes !== "boolean" && changes.some((one) => one.adds && one.to > from && one.from < to);
  }

  /** Additions that surely happened. */
  additions(target: Target, member: MemberName): readonly Change[] {
    const changes = this.#of(target, member);
    return typeof changes === "boolean" ? [] : changes.filter(({ adds, sure }) => adds && sure);
  }
}
