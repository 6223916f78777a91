/** What can be wrong, and the promise of DESIGN.md it breaks. */
export type ViolationKind =
  /** P1: a receipt was given, and the message is nowhere and was never finished. */
  | "lost"
  /** Delivered or stored, and never published. */
  | "unexpected"
  /** P2: a publish was refused for good, and delivered. */
  | "phantom"
  /** P4: one id is stored twice within the dedup window, or comes again after its ack under another sequence. */
  | "duplicated"
  /** P4: a publish got an answer that cannot be right. */
  | "conflict"
  /** P5: stored in another order than sent. */
  | "reordered"
  /** P3: what arrived is not what was sent. */
  | "altered"
  /** A batch that was to be stored whole was stored in part. */
  | "torn"
  /** L1: two open leases of one message, or a newer one without a newer token. */
  | "overlapped"
  /** L1: a token was given twice, or is of a life that is over. */
  | "repeated-token"
  /** L2: a settlement was accepted whose token was over or another consumer's. */
  | "stale-accepted"
  /** L2: a settlement was refused whose lease was open. */
  | "stale-refused"
  /** L3: delivered again after an ack that was confirmed. */
  | "redelivered"
  /** L4: the attempt does not fit the deliveries before it, or exceeds `maxAttempts`. */
  | "attempt"
  /** L5: delivered again before the lease, the backoff or the delay of the nack was over. */
  | "early-retry"
  /** O1: a key had two messages in flight, or a fifo two consumers; or the next came before the settlement was on disk. */
  | "key-overlap"
  /** O2: a later message came before an earlier one that was not finished. */
  | "overtaken"
  /** O3: dead without a cause, or not dead with one. */
  | "poison"
  /** O4, L5: something that should have come never did. */
  | "starved"
  /** D1: in the queue and in the dead letters, or dead twice. */
  | "two-places"
  /** D1: gone on the way between the queue and the dead letters. */
  | "nowhere"
  /** Redriven out of order, or a copy was left. */
  | "redrive"
  /** T1: delivered before its delay was over. */
  | "early"
  /** T2: delivered after its time to live. */
  | "expired-delivered"
  /** G1: delivered or still stored after a purge. */
  | "purge"
  /** Leased from a queue that was paused. */
  | "paused"
  /** S1, S2, S4: a message that is for a device neither came nor was told as a gap. */
  | "missed"
  /** S2: a message came for the first time after a later one. */
  | "inverted"
  /** S3: a message came, was not settled, and never came again. */
  | "skipped"
  /** S3: a message came again that was settled for good. */
  | "again"
  /** S4: a gap was told that is none, or not for the reason it names. */
  | "false-gap"
  /** S4: a message was delivered more often than it may be before it is passed. */
  | "too-often"
  /** S4: a gap was told, not taken note of, and not told again. */
  | "gap-forgotten"
  /** A message came to somebody it was not for: no member, excepted, or served through another room. */
  | "excepted"
  /** A message is told to have come before, and did not; or the other way. */
  | "false-redelivered"
  /** Something came to a session that was over. */
  | "ended-session"
  /** More unsettled messages at a device than it may have. */
  | "window"
  /** Something came of a room that was removed. */
  | "removed-room"
  /** A ledger says something else than what happened. */
  | "ledger"
  /** D1: not one answer for each message that died and asked for one; or the reply queue goes too early, or not at all. */
  | "answers"
  /** C1: counts do not add up, or are not what happened. */
  | "counts";

export interface Violation {
  readonly kind: ViolationKind;
  /** One line: what, of which queue, id and tokens, and the events that prove it. */
  readonly message: string;
  /** The indexes of those events. */
  readonly indexes: readonly number[];
}

/** Collects what was found. */
export class Report {
  readonly violations: Violation[] = [];

  add(kind: ViolationKind, text: string, ...indexes: readonly number[]): void {
    const known = [...new Set(indexes)].filter((index) => Number.isFinite(index) && index >= 0).sort((a, b) => a - b);
    const proof = known.length === 0 ? "" : ` (event${known.length === 1 ? "" : "s"} ${known.join(", ")})`;
    this.violations.push({ kind, message: `${kind}: ${text}${proof}`, indexes: known });
  }
}
