import { type MemberName, nameOfTarget, type Target } from "../../room-history.js";
import { mayHaveHappened } from "../calls.js";
import { addTo } from "../run.js";
import type { Report } from "../violation.js";
import type { Memberships } from "./memberships.js";
import type { EmitCall, RoomRun } from "./room-run.js";

/** A message of one room: one sequence. */
export class RoomMessage {
  readonly target: Target;
  readonly sequence: number;
  readonly id: string;
  /** All emits of its id. */
  readonly emits: readonly EmitCall[];
  /** The one that was told that it stored it, if any was. */
  receipt: EmitCall | undefined;
  /** When it was surely there. */
  firstSeen = Number.POSITIVE_INFINITY;

  constructor(target: Target, sequence: number, id: string, emits: readonly EmitCall[]) {
    this.target = target;
    this.sequence = sequence;
    this.id = id;
    this.emits = emits;
  }

  /** The emits that may have stored it. */
  get sources(): readonly EmitCall[] {
    if (this.receipt !== undefined) return [this.receipt];
    return this.emits.filter((call) => mayHaveHappened(call) && call.ok === undefined && call.invoked.index < this.firstSeen);
  }

  toString(): string {
    return `${nameOfTarget(this.target)} sequence ${this.sequence} id ${this.id}`;
  }
}

/** All messages of all rooms, and whom they are for. */
export class RoomMessages {
  readonly byId = new Map<string, EmitCall[]>();
  readonly #byTarget = new Map<string, Map<number, RoomMessage>>();
  readonly #byName = new Map<string, RoomMessage[]>();
  readonly #run: RoomRun;
  readonly #members: Memberships;
  readonly #report: Report;
  readonly #for = new Map<RoomMessage, Map<string, "yes" | "no" | "maybe">>();

  constructor(run: RoomRun, members: Memberships, report: Report) {
    this.#run = run;
    this.#members = members;
    this.#report = report;
    for (const call of run.emits.list) addTo(this.byId, call.invoked.id, call);
    for (const call of run.emits.list) {
      for (const [at, receipt] of (call.ok?.receipts ?? []).entries()) {
        const target = call.invoked.to[at];
        if (target === undefined) continue;
        const message = this.#add(target, receipt.sequence, call.invoked.id, call.doneIndex);
        // A duplicate's receipt tells where a message is whose own receipt was lost.
        if (message !== undefined && !receipt.duplicate) message.receipt ??= call;
      }
    }
    for (const event of run.events) if (event.type === "heard") this.#add(event.target, event.sequence, event.id, event.index);
    for (const { target, messages, index } of run.scans.values())
      for (const { id, sequence } of messages) this.#add(target, sequence, id, index);
  }

  #add(target: Target, sequence: number, id: string, index: number): RoomMessage | undefined {
    const name = nameOfTarget(target);
    const ofTarget = this.#byTarget.get(name) ?? new Map<number, RoomMessage>();
    this.#byTarget.set(name, ofTarget);
    const known = ofTarget.get(sequence);
    if (known !== undefined && known.id !== id) {
      this.#report.add("conflict", `${known} is told to be of id ${id}`, known.firstSeen, index);
      return undefined;
    }
    const message = known ?? new RoomMessage(target, sequence, id, this.byId.get(id) ?? []);
    message.firstSeen = Math.min(message.firstSeen, index);
    if (known === undefined) {
      ofTarget.set(sequence, message);
      addTo(this.#byName, `${name}\n${id}`, message);
    }
    return message;
  }

  at(target: Target, sequence: number): RoomMessage | undefined {
    return this.#byTarget.get(nameOfTarget(target))?.get(sequence);
  }

  of(target: Target): RoomMessage[] {
    return [...(this.#byTarget.get(nameOfTarget(target))?.values() ?? [])];
  }

  /** The highest sequence that a target is known to have given. */
  highest(target: Target): number {
    return Math.max(0, ...(this.#byTarget.get(nameOfTarget(target))?.keys() ?? []));
  }

  /** How many messages it may have had that nobody was told of. */
  unknown(target: Target): number {
    const name = nameOfTarget(target);
    const isOpen = (call: EmitCall): boolean => mayHaveHappened(call) && call.ok === undefined;
    return this.#run.emits.list.filter((call) => isOpen(call) && call.invoked.to.some((other) => nameOfTarget(other) === name)).length;
  }

  /** Those of an id in one target. */
  ofId(target: Target, id: string): readonly RoomMessage[] {
    return this.#byName.get(`${nameOfTarget(target)}\n${id}`) ?? [];
  }

  get all(): RoomMessage[] {
    return [...this.#byTarget.values()].flatMap((messages) => [...messages.values()]);
  }

  /** When it was stored: after the first index, before the second. */
  storedBetween(message: RoomMessage, call: EmitCall): readonly [from: number, to: number] {
    return [call.invoked.index, Math.min(this.#run.lastEffect(call), message.firstSeen)];
  }

  /** The earliest index at which it can have been stored. */
  storedFrom(message: RoomMessage): number {
    return Math.min(Number.POSITIVE_INFINITY, ...message.sources.map(({ invoked }) => invoked.index));
  }

  /** Whether it is for a member, as things were when it was stored. */
  isFor(message: RoomMessage, member: MemberName): "yes" | "no" | "maybe" {
    const key = member.user ?? `queue ${member.queue}`;
    const known = this.#for.get(message) ?? new Map<string, "yes" | "no" | "maybe">();
    this.#for.set(message, known);
    const before = known.get(key);
    if (before !== undefined) return before;
    const answers = message.sources.map((call) => this.#isFor(message, call, member));
    const [first = "maybe"] = answers;
    const answer = answers.every((one) => one === first) ? first : "maybe";
    known.set(key, answer);
    return answer;
  }

  #isFor(message: RoomMessage, call: EmitCall, member: MemberName): "yes" | "no" | "maybe" {
    const { target } = message;
    const [from, to] = this.storedBetween(message, call);
    const members = this.#members;
    const others = [...before(call.invoked.to, target), ...call.invoked.except];
    if (members.surely(target, member, from, to)) {
      if (others.some((other) => members.surely(other, member, from, to))) return "no";
      return others.some((other) => members.possibly(other, member, from, to)) ? "maybe" : "yes";
    }
    return members.possibly(target, member, from, to) || members.mayHaveChosen(target, member) ? "maybe" : "no";
  }
}

/** The targets that are listed before one. */
function before(to: readonly Target[], target: Target): readonly Target[] {
  const name = nameOfTarget(target);
  return to.slice(
    0,
    to.findIndex((other) => nameOfTarget(other) === name),
  );
}
