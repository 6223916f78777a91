import { pause } from "../pause.js";
import type { Session } from "./session.js";

const RETRY_MS_MAX = 20;

/** What a client does again and again, until it is told to stop. */
export class Loops {
  readonly #session: Session;
  #running = true;
  readonly #over: Promise<void>[] = [];

  constructor(session: Session) {
    this.#session = session;
  }

  /** Begins one loop more. */
  start(round: () => Promise<void>): void {
    this.#over.push(this.#repeat(round));
  }

  /** Resolves once nothing is under way any more. */
  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#over);
  }

  async #repeat(round: () => Promise<void>): Promise<void> {
    while (this.#running) await round();
  }

  /** Tries until there is an answer; where it may give up it does so before that at times, so that nobody ever knows. */
  async untilAnswered(attempt: () => Promise<boolean>, mayGiveUp: boolean): Promise<void> {
    const { random } = this.#session;
    while (!(await attempt())) {
      if (mayGiveUp && (!this.#running || random.chance(0.2))) return;
      await pause(random.below(RETRY_MS_MAX));
    }
  }

  /** Waits so long on average. */
  rest(pauseMs: number): Promise<void> {
    return pause(this.#session.random.below(2 * pauseMs + 1));
  }
}
