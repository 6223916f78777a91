import { takeAll } from "./take-all.js";

/** A unit of effort is about what a message in a frame costs, or so many bytes of it. */
const BYTES_A_UNIT = 512;

/** What it is to hand over messages. @param messageEffort of the sink that takes them */
export const effortOf = (messages: number, bytes: number, messageEffort: number): number => messages * messageEffort + bytes / BYTES_A_UNIT;

/** One that has a share in each turn: what it had in which. `TurnShares`'s. */
export interface Sharer {
  turn: number;
  spent: number;
}

/**
 * Shares of the turns of the event loop: an owner that had its share of this turn goes on in the next one, so that whatever
 * else there is to do comes between. Effort is counted and not time, which the machine may take away.
 */
export class TurnShares<Owner extends Sharer> {
  readonly #effortMax: number;
  readonly #goOn: (owner: Owner) => void;
  /** Those that had their share, in order. */
  readonly #waiting = new Set<Owner>();
  #turn = 0;
  #next: NodeJS.Immediate | undefined;

  /**
   * @param effortMax what one may have in a turn; the last piece may go beyond
   * @param goOn called in the next turn for an owner that had to wait
   */
  constructor(effortMax: number, goOn: (owner: Owner) => void) {
    this.#effortMax = effortMax;
    this.#goOn = goOn;
  }

  /** Whether there is something left of its share; if not, it is called in the next turn. */
  mayGoOn(owner: Owner): boolean {
    if (owner.turn !== this.#turn || owner.spent < this.#effortMax) return true;
    this.#waiting.add(owner);
    return false;
  }

  spend(owner: Owner, effort: number): void {
    owner.spent = owner.turn === this.#turn ? owner.spent + effort : effort;
    owner.turn = this.#turn;
    this.#next ??= setImmediate(this.#onTurn);
  }

  /** Nobody goes on any more. */
  stop(): void {
    clearImmediate(this.#next);
    this.#waiting.clear();
  }

  #onTurn = (): void => {
    this.#next = undefined;
    this.#turn++;
    for (const owner of takeAll(this.#waiting)) this.#goOn(owner);
  };
}
