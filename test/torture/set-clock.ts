import { writeFileSync } from "node:fs";

const JUMP_EVERY_MS = 150;

/** A clock of servers that a test sets, by a module that they load before themselves. */
export class SetClock {
  readonly #file: string;
  /** What runs the server. */
  readonly wrapper: readonly string[];

  /**
   * @param path for its files, which begin with that
   * @param jumpMs the system's clock is moved so far to and fro while a server runs, which must not show
   */
  constructor(path: string, jumpMs: number) {
    this.#file = `${path}.ahead`;
    this.set(0);
    writeFileSync(
      `${path}.cjs`,
      `const aheadMs = Number(require("node:fs").readFileSync(${JSON.stringify(this.#file)}, "utf8"));
       const { now } = Date;
       const origin = performance.timeOrigin + aheadMs;
       let jumpMs = 0;
       Object.defineProperty(performance, "timeOrigin", { get: () => origin });
       Date.now = () => now() + aheadMs + jumpMs;
       setInterval(() => { jumpMs = (Math.floor(Math.random() * 3) - 1) * ${jumpMs}; }, ${JUMP_EVERY_MS}).unref();`,
    );
    this.wrapper = ["env", `NODE_OPTIONS=--require=${path}.cjs`];
  }

  /** Servers that are started from now on are so far ahead. */
  set(aheadMs: number): void {
    writeFileSync(this.#file, String(aheadMs));
  }
}
