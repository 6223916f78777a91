import type { Heard, SettleHeard, Target } from "../../room-history.js";
import { nameOfTarget } from "../../room-history.js";
import type { Life } from "../run.js";
import { ToldGaps } from "./told-gaps.js";

/** A message as one device knows it. */
export interface KnownMessage {
  readonly sequence: number;
  last: Heard;
  /** It was settled after it came last, as far as anybody can tell. */
  answered: boolean;
  /** The session on which it was acknowledged without word of whether that arrived: it may, after the message was sent again. */
  triedOn: string | undefined;
  /** It was surely settled in the session that runs, or passed. */
  settled: boolean;
  /** It came before a join that may have moved the device: what is known of it since says little. */
  older: boolean;
  /** When its last nack lets it come again; undefined when it was not nacked after it came last. */
  nackedUntil: number | undefined;
  /** It was nacked after it came last: what is not settled may come again with it, also when it was settled itself since. */
  nacked: boolean;
  /** How often it came in the life that runs, without what may have been acknowledged. */
  timesInLife: number;
}

const LEASE_MS = 30_000;

/** What one device went through in one room, step by step. */
export class Track {
  readonly user: string;
  readonly device: string;
  readonly target: Target;
  /** Nobody can tell any more where the device is: it may have been removed. */
  loose = false;
  /** A join is under way that may move the device. */
  joining = false;
  /** What a join answered: nothing below comes, in that life. */
  floor = 0;
  /** The life in which it surely settled or joined, so that no join of it moves it any more: that which runs, or one before, if it survived. */
  begunIn: Life | undefined;
  #begunAt = Number.NEGATIVE_INFINITY;
  life: Life | undefined;
  session: string | undefined;
  lastIndex = -1;
  readonly gaps = new ToldGaps();
  /** How often each message came, ever. */
  readonly times = new Map<number, number>();
  /** Those that it did not settle and that a join passed over. */
  readonly passedOver: KnownMessage[] = [];
  /** Those it may have settled, ever. */
  readonly acked = new Set<number>();
  /** Messages in the order of their sequences. */
  #order: KnownMessage[] = [];
  #known = new Map<number, KnownMessage>();
  /** All before this position in the order do not come again. */
  #confirmed = 0;
  /** How far that was, over the life. */
  #checkpoints: { readonly at: number; readonly confirmed: number }[] = [];

  constructor(user: string, device: string, target: Target) {
    this.user = user;
    this.device = device;
    this.target = target;
  }

  get(sequence: number): KnownMessage | undefined {
    return this.#known.get(sequence);
  }

  get known(): readonly KnownMessage[] {
    return this.#order;
  }

  /** The highest sequence that came since it is known where the device is. */
  get highest(): number | undefined {
    return this.#order.findLast(({ older }) => !older)?.sequence;
  }

  /** Nothing can be said of the order in which messages come. */
  get unsure(): boolean {
    return this.loose || this.joining;
  }

  /** The lowest sequence that came and may come again. */
  get lowestOpen(): number | undefined {
    return this.#order[this.#confirmed]?.sequence;
  }

  /** The lowest sequence that came, was never told as a gap (which may have survived a crash), and that the device did not even try to settle. */
  get lowestUnanswered(): number | undefined {
    return this.#order.find(({ answered, settled, sequence }) => !answered && !settled && !this.gaps.ever(sequence))?.sequence;
  }

  /** Whether it may have come along with another that was nacked, and that comes again behind it or came before it since `index`. */
  mayComeAlong(sequence: number, index: number): boolean {
    return this.#order.some((message) => {
      return message.sequence !== sequence && (message.nacked || (message.sequence < sequence && message.last.index > index));
    });
  }

  isConfirmed(sequence: number): boolean {
    const lowest = this.lowestOpen ?? Number.POSITIVE_INFINITY;
    return this.#known.has(sequence) && sequence < lowest;
  }

  hear(event: Heard): void {
    const { sequence } = event;
    this.times.set(sequence, (this.times.get(sequence) ?? 0) + 1);
    const known = this.#known.get(sequence);
    if (known !== undefined) {
      known.last = event;
      known.answered = known.triedOn === event.session;
      known.older = false;
      known.nackedUntil = undefined;
      known.nacked = false;
      known.timesInLife++;
      return;
    }
    const message = {
      sequence,
      last: event,
      answered: false,
      triedOn: undefined,
      settled: false,
      older: false,
      nackedUntil: undefined,
      nacked: false,
      timesInLife: 1,
    };
    this.#known.set(sequence, message);
    const before = this.#order.findLastIndex((other) => other.sequence < sequence);
    this.#order.splice(before + 1, 0, message);
    this.#comeBackTo(before + 1);
  }

  /** A message came for the first time before where the device was thought to be, so it never was there. */
  #comeBackTo(position: number): void {
    if (position >= this.#confirmed) return;
    this.#confirmed = position;
    this.#checkpoints = this.#checkpoints.map(({ at, confirmed }) => ({ at, confirmed: Math.min(confirmed, position) }));
  }

  /** A settlement of the session arrived. `sure`: the engine took all of it. */
  settle({ session, first, count, verb, delayMs, at, changed }: SettleHeard): void {
    const sure = changed === count;
    for (let sequence = first; sequence < first + count; sequence++) {
      if (verb === "ack" && changed !== 0) this.acked.add(sequence);
      const message = this.#known.get(sequence);
      if (message === undefined || changed === 0) continue;
      if (verb === "nack") {
        // One that waits after a nack, or was not sent again yet, is not nacked once more.
        const until = at + (delayMs ?? 100);
        message.nacked = true;
        message.nackedUntil = sure ? until : Math.min(until, message.nackedUntil ?? message.last.at + LEASE_MS);
        continue;
      }
      message.answered = true;
      if (changed === undefined) message.triedOn = session;
      message.settled ||= sure;
      // When the next session gets it again, since it was above the cursor, this delivery did not fail.
      message.timesInLife = Math.max(0, message.timesInLife - 1);
    }
    this.advance(at);
  }

  /** Moves over what is settled, told as a gap, or not in the room any more. */
  advance(at: number): void {
    const before = this.#confirmed;
    for (let message = this.#order[this.#confirmed]; message !== undefined; message = this.#order[++this.#confirmed])
      if (!message.settled && !this.gaps.passes(message.sequence)) break;
    if (this.#confirmed === before) return;
    this.#checkpoints.push({ at, confirmed: this.#confirmed });
  }

  /** What was settled above the cursor is forgotten. */
  beginSession(session: string): void {
    this.session = session;
    for (const message of this.#order.slice(this.#confirmed)) message.settled = false;
  }

  /** It settled something, or joined, in the life that runs. */
  begin(at: number): void {
    this.begunIn = this.life;
    this.#begunAt = at;
  }

  /** Another life began: what did not survive comes again. */
  beginLife(life: Life, survivedThrough: number): void {
    const last = this.#checkpoints.findLast(({ at }) => at <= survivedThrough);
    this.#confirmed = last?.confirmed ?? 0;
    this.#checkpoints = this.#confirmed === 0 ? [] : [{ at: Number.NEGATIVE_INFINITY, confirmed: this.#confirmed }];
    if (this.life !== undefined) this.gaps.undo(survivedThrough, this.life.start);
    for (const message of this.#order.slice(this.#confirmed)) {
      message.settled = false;
      message.timesInLife = 0;
    }
    this.life = life;
    this.session = undefined;
    if (this.#begunAt > survivedThrough) this.begunIn = undefined;
    if (survivedThrough !== Number.POSITIVE_INFINITY) this.floor = 0;
  }

  /**
   * A join is over that may have let the device begin earlier: it is at `floor`, if that was answered; else a crash may have
   * undone it, with all that came of it. What the device did not settle below `floor` has to come to be a gap: no join passes
   * over it.
   */
  rejoin(floor: number | undefined): void {
    const kept: KnownMessage[] = [];
    for (const message of this.#order) {
      if (message.sequence >= (floor ?? 0)) kept.push(message);
      else if (!message.answered && !this.loose) this.passedOver.push(message);
    }
    this.forget();
    this.#order = kept;
    this.#known = new Map(kept.map((message) => [message.sequence, message]));
    for (const message of kept) {
      message.older = true;
      message.settled = false;
      message.timesInLife = 0;
      message.answered ||= floor === undefined;
    }
    this.floor = floor ?? 0;
  }

  /** It is new in the room. */
  forget(): void {
    this.#order = [];
    this.#known = new Map();
    this.#confirmed = 0;
    this.#checkpoints = [];
    this.floor = 0;
  }

  toString(): string {
    return `device ${this.device} of ${this.user} in ${nameOfTarget(this.target)}`;
  }
}
