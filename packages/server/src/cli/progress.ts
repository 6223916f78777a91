const REFRESH_MS = 200;
const CLEAR_LINE = "\r\x1b[2K";

/** After the first signal. */
export const FINISHING = "(finishing; again to end at once)";

/** One line on a terminal's standard error that says how far a command is; nothing anywhere else. */
export class Progress {
  readonly #verb: string;
  readonly #startedAt = performance.now();
  #count = 0;
  #state = "";
  #lastCount = 0;
  #lastAt = this.#startedAt;
  #timer: NodeJS.Timeout | undefined;

  /** @param verb what happens to messages, such as `published` */
  constructor(verb: string) {
    this.#verb = verb;
    if (!process.stderr.isTTY) return;
    this.#timer = setInterval(() => this.#draw(), REFRESH_MS);
    this.#timer.unref();
  }

  get count(): number {
    return this.#count;
  }

  add(count: number): void {
    this.#count += count;
  }

  /** Says why nothing moves, such as `server away`; empty when all is well. */
  state(text: string): void {
    this.#state = text;
  }

  /** Writes a line of its own. */
  say(text: string): void {
    process.stderr.write(`${this.#timer === undefined ? "" : CLEAR_LINE}holdfast: ${text}\n`);
  }

  /** Removes the line; what is printed next stands alone. */
  stop(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    process.stderr.write(CLEAR_LINE);
  }

  /** For the last line: `12,345 published in 1.2 s (10,287/s)`. */
  summary(): string {
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    return `${number(this.#count)} ${this.#verb} in ${seconds.toFixed(1)} s (${number(Math.round(this.#count / Math.max(seconds, 0.001)))}/s)`;
  }

  #draw(): void {
    const now = performance.now();
    const rate = Math.round(((this.#count - this.#lastCount) * 1_000) / (now - this.#lastAt));
    this.#lastCount = this.#count;
    this.#lastAt = now;
    const state = this.#state === "" ? "" : `  ${this.#state}`;
    process.stderr.write(`${CLEAR_LINE}${number(this.#count)} ${this.#verb}, ${number(rate)}/s${state}`);
  }
}

const number = (value: number): string => value.toLocaleString("en-US");
