import type { Delivery } from "../history.js";
import { mayHaveHappened } from "./calls.js";
import type { Copy } from "./copy.js";
import { type Run, type SettleCall, tokenKey } from "./run.js";

/** Something that may have ended a lease. */
export interface Ender {
  readonly how: "ack" | "nack" | "reject" | "release" | "expiry" | "detach" | "life" | "purge" | "move" | "fifo";
  /** It may have been in force from this index on; surely from `sure` on. */
  readonly from: number;
  readonly sure: number;
  /** From here on a crash does not undo it; Infinity when that is not known. */
  readonly kept: number;
  /** Whether the delivery then counts as an attempt. */
  readonly counts: "yes" | "no" | "either";
  /** The message does not come again before this time. */
  readonly notBefore: number;
  /** The engine said that it was this which ended the lease. */
  readonly proven: boolean;
}

const NEVER = Number.POSITIVE_INFINITY;
const ANY_TIME = Number.NEGATIVE_INFINITY;

/** A delivery and what became of it. */
export class Lease {
  readonly delivery: Delivery;
  readonly copy: Copy;
  readonly key: string;
  /** The settlements of its own consumer that may have had an effect, `extend` too. */
  readonly settles: SettleCall[];
  readonly enders: Ender[] = [];
  /** Its end at the earliest, by all that is known. */
  readonly untilMin: number;
  /** The index at which its life ended. */
  readonly lifeEnd: number;

  constructor(delivery: Delivery, copy: Copy, run: Run) {
    this.delivery = delivery;
    this.copy = copy;
    this.key = tokenKey(delivery.token);
    this.settles = (run.settlesOf.get(this.key) ?? []).filter(
      (call) => mayHaveHappened(call) && call.invoked.consumer === delivery.consumer,
    );
    this.untilMin = this.#untilMin();
    const life = run.life(delivery.token.life, delivery.index);
    this.lifeEnd = life?.end ?? NEVER;
    this.#addSettlements();
    this.#addExpiry(run);
    this.#addDetach(run);
    const purged = copy.queue.purgedFrom(copy.sequence, delivery.index);
    if (purged !== NEVER) this.enders.push({ ...gone, how: "purge", from: purged, sure: this.#purgeDone() });
    this.#addMove();
    if (life !== undefined && life.shutdown !== NEVER)
      this.enders.push({ how: "life", from: life.shutdown, sure: NEVER, kept: NEVER, counts: "no", notBefore: ANY_TIME, proven: false });
    if (this.lifeEnd !== NEVER) {
      const counts = life?.graceful ? "no" : "yes";
      this.enders.push({ ...gone, how: "life", from: this.lifeEnd, sure: this.lifeEnd, kept: this.lifeEnd, counts });
    }
  }

  /** It may be over from this index on. */
  get mayEnd(): number {
    return this.enders.reduce((least, { from }) => Math.min(least, from), NEVER);
  }

  /** It is surely over from this index on. */
  get sureEnd(): number {
    return this.enders.reduce((least, { sure }) => Math.min(least, sure), NEVER);
  }

  /** What may really have ended it: nothing after its sure end, and nothing else than a settlement that was confirmed. */
  possibleEnders(): Ender[] {
    const { sureEnd } = this;
    const possible = this.enders.filter(({ from }) => from <= sureEnd);
    const proven = possible.filter((ender) => ender.proven);
    return proven.length > 0 ? proven : possible;
  }

  /**
   * Extensions that were confirmed hold, because they prove that the lease was open; of others, and of those under way
   * together, the shortest counts.
   */
  #untilMin(): number {
    let until = this.delivery.leaseUntil;
    let doneBefore = -1;
    for (const { invoked, ok, doneIndex } of this.settles) {
      if (invoked.verb !== "extend") continue;
      const extended = invoked.at + (invoked.leaseMs ?? 0);
      const alone = ok !== undefined && doneBefore < invoked.index;
      until = alone ? extended : Math.min(until, extended);
      doneBefore = Math.max(doneBefore, doneIndex);
    }
    return until;
  }

  #addSettlements(): void {
    const backoffMs = this.copy.queue.settings.backoffMsMin(this.delivery.attempt);
    for (const { invoked, ok, doneIndex } of this.settles) {
      const { verb, index: from } = invoked;
      if (verb === "extend") continue;
      // An answer may arrive after the crash; what it confirms was durable before.
      const sure = ok === undefined ? NEVER : Math.min(doneIndex, this.lifeEnd);
      const counts = verb === "release" ? "no" : "yes";
      const notBefore = verb === "nack" ? invoked.at + (invoked.delayMs ?? backoffMs) : ANY_TIME;
      this.enders.push({ how: verb, from, sure, kept: sure, counts, notBefore, proven: ok !== undefined });
    }
  }

  #addExpiry(run: Run): void {
    const backoffMs = this.copy.queue.settings.backoffMsMin(this.delivery.attempt);
    const expired = run.expired.get(this.key);
    const from = Math.min(run.timeline.indexAt(this.untilMin, this.delivery.index), expired?.index ?? NEVER);
    if (from === NEVER) return;
    // The clock may show the end some commits before the engine looks: only one begun after it said so surely has it.
    const kept = (expired && run.timeline.durableAt(expired.index)) ?? NEVER;
    const notBefore = Math.min(this.untilMin, expired?.at ?? NEVER) + backoffMs;
    this.enders.push({ how: "expiry", from, sure: expired?.index ?? NEVER, kept, counts: "yes", notBefore, proven: false });
  }

  #addDetach(run: Run): void {
    for (const call of run.detachOf.get(this.delivery.consumer) ?? []) {
      if (!mayHaveHappened(call)) continue;
      const { invoked, doneIndex } = call;
      if (invoked.afterExpiries === true && this.untilMin <= invoked.at) continue;
      const counts = invoked.counted ? "yes" : "no";
      const sure = Math.min(doneIndex, this.lifeEnd);
      const kept = call.ok === undefined ? NEVER : sure;
      this.enders.push({ how: "detach", from: invoked.index, sure, kept, counts, notBefore: ANY_TIME, proven: false });
    }
  }

  /** A dead letter may be redriven or removed while somebody has it; whether that is done is not said. */
  #addMove(): void {
    const { queue, identity } = this.copy;
    const calls = [...queue.origins.flatMap(({ redrives }) => redrives), ...(queue.removes.get(identity.id) ?? [])];
    const { index } = this.delivery;
    for (const call of calls) {
      if (!mayHaveHappened(call) || call.doneIndex < index) continue;
      this.enders.push({ ...gone, how: "move", from: Math.max(index, call.invoked.index), sure: NEVER, counts: "either" });
    }
  }

  #purgeDone(): number {
    const { sequence, queue } = this.copy;
    const after = queue.purges.filter(({ ok, doneIndex }) => ok !== undefined && ok.through >= sequence && doneIndex > this.delivery.index);
    return Math.min(NEVER, ...after.map(({ doneIndex }) => doneIndex));
  }

  toString(): string {
    return `${this.copy} token ${this.key}`;
  }
}

const gone = { kept: NEVER, counts: "yes", notBefore: ANY_TIME, proven: false } as const;
