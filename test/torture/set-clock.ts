import { writeFileSync } from "node:fs";
import type { Random } from "../simulation/random.js";

const JUMP_EVERY_MS = 150;

/** A clock of servers that a test sets, by a module that they load before themselves. */
export class SetClock {
  readonly #file: string;
  readonly #random: Random;
  /** What runs the server. */
  readonly wrapper: readonly string[];

  /**
   * @param path for its files, which begin with that
   * @param random draws the jumps
   * @param jumpMs the system's clock is moved so far to and fro while a server runs, which must not show
   */
  constructor(path: string, random: Random, jumpMs: number) {
    this.#random = random;
    this.#file = `${path}.ahead`;
    this.set(0);
    writeFileSync(
      `${path}.cjs`,
      `const [aheadMs, seed] = JSON.parse(require("node:fs").readFileSync(${JSON.stringify(this.#file)}, "utf8"));
       const { now } = Date;
       const origin = performance.timeOrigin + aheadMs;
       let [jumpMs, state] = [0, seed];
       const below = (end) => {
         state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
         return Math.floor((state / 2 ** 32) * end);
       };
       Object.defineProperty(performance, "timeOrigin", { get: () => origin });
       Date.now = () => now() + aheadMs + jumpMs;
       setInterval(() => { jumpMs = (below(3) - 1) * ${jumpMs}; }, ${JUMP_EVERY_MS}).unref();`,
    );
    this.wrapper = ["env", `NODE_OPTIONS=--require=${path}.cjs`];
  }

  /** Servers that are started from now on are so far ahead. */
  set(aheadMs: number): void {
    writeFileSync(this.#file, JSON.stringify([aheadMs, this.#random.below(2 ** 32)]));
  }
}
