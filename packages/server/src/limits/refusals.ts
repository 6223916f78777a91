import type { Clock } from "../clock.js";

/** Between two lines of the log about the same kind of refusal. */
const LINE_EVERY_MS = 10_000;

/** So many of one kind, of which the last is told in words. */
export interface Refused<Kind> {
  readonly kind: Kind;
  /** Since the line before. */
  readonly count: number;
  readonly reason: string;
  readonly remote: string | undefined;
}

/** Counts what was refused by its kind, and tells it at once, but then for a while only how often it happened again. */
export class Refusals<Kind extends string> {
  /** By the kinds given at the beginning, and no others: what a client sends is never one. */
  readonly #counts: Record<Kind, number>;
  readonly #clock: Clock;
  readonly #tell: (refused: Refused<Kind>) => void;
  /** Of the kinds that were told lately: what happened since. */
  readonly #since = new Map<Kind, { count: number; reason: string; remote: string | undefined }>();

  constructor(kinds: readonly Kind[], clock: Clock, tell: (refused: Refused<Kind>) => void) {
    this.#counts = Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<Kind, number>;
    this.#clock = clock;
    this.#tell = tell;
  }

  get counts(): Readonly<Record<Kind, number>> {
    return this.#counts;
  }

  /** @param remote the address it came from */
  add(kind: Kind, reason: string, remote?: string): void {
    this.#counts[kind]++;
    const since = this.#since.get(kind);
    if (since !== undefined) {
      since.count++;
      since.reason = reason;
      since.remote = remote;
      return;
    }
    this.#tell({ kind, count: 1, reason, remote });
    this.#wait(kind);
  }

  #wait(kind: Kind): void {
    const since = { count: 0, reason: "", remote: undefined };
    this.#since.set(kind, since);
    this.#clock.wakeAt(this.#clock.now() + LINE_EVERY_MS, () => {
      this.#since.delete(kind);
      if (since.count === 0) return;
      this.#tell({ kind, ...since });
      this.#wait(kind);
    });
  }
}
