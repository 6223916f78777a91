import type { Clock } from "../clock.js";
import type { Session } from "./session.js";

/** How often the time is looked at, at least: the system's clock may jump, which no timer notices. */
const LOOK_MS = 1_000;

/** The sockets that are here and whose owners are known, and when the next token of theirs expires. */
export class Sessions {
  readonly #clock: Clock;
  readonly #now: () => number;
  readonly #onExpired: (session: Session) => void;
  readonly #live = new Set<Session>();
  /** No token expires before. */
  #earliest = Number.POSITIVE_INFINITY;
  #cancelAlarm: (() => void) | undefined;

  /** @param now the time by which tokens are judged */
  constructor(clock: Clock, now: () => number, onExpired: (session: Session) => void) {
    this.#clock = clock;
    this.#now = now;
    this.#onExpired = onExpired;
  }

  add(session: Session): void {
    this.#live.add(session);
    this.noteExpiry(session);
  }

  delete(session: Session): void {
    this.#live.delete(session);
  }

  /** When it expires may have changed. */
  noteExpiry({ identity: { expiresAt } }: Session): void {
    if (expiresAt === undefined) return;
    this.#earliest = Math.min(this.#earliest, expiresAt);
    this.#arm();
  }

  where(holds: (session: Session) => boolean): Session[] {
    return [...this.#live].filter(holds);
  }

  stop(): void {
    this.#cancelAlarm?.();
    this.#cancelAlarm = undefined;
    this.#earliest = Number.POSITIVE_INFINITY;
  }

  #arm(): void {
    if (this.#cancelAlarm !== undefined || this.#earliest === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.min(Math.max(this.#earliest - this.#now(), 0), LOOK_MS);
    this.#cancelAlarm = this.#clock.wakeAt(this.#clock.now() + waitMs, () => {
      this.#cancelAlarm = undefined;
      if (this.#earliest <= this.#now()) this.#cutExpired();
      this.#arm();
    });
  }

  #cutExpired(): void {
    const now = this.#now();
    this.#earliest = Number.POSITIVE_INFINITY;
    for (const session of [...this.#live]) {
      const { expiresAt = Number.POSITIVE_INFINITY } = session.identity;
      if (expiresAt <= now) this.#onExpired(session);
      else this.#earliest = Math.min(this.#earliest, expiresAt);
    }
  }
}
