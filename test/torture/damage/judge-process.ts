import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Judgement } from "./judge.js";
import type { DamageQuestion } from "./main.js";

const PROGRAM = fileURLToPath(new URL("./torture-damage.js", import.meta.url));

/** Judges damaged stores in a process of its own: LevelDB ends it where what it reads contradicts itself. */
export class JudgeProcess {
  readonly #whole: () => string;
  #child: ChildProcess | undefined;

  /** @param whole lays out the store as it is before it is damaged, and gives its directory */
  constructor(whole: () => string) {
    this.#whole = whole;
  }

  /** @param damaged lays out the damaged store, and gives its directory */
  async judge(damaged: () => string): Promise<Judgement> {
    if (this.#child === undefined) {
      this.#child = fork(PROGRAM, { stdio: ["ignore", "ignore", "ignore", "ipc"] });
      const { outcome } = await this.#ask({ whole: this.#whole() });
      if (outcome !== "harmless") throw new Error("the store cannot be read before it is damaged");
    }
    return this.#ask({ damaged: damaged() });
  }

  async #ask(question: DamageQuestion): Promise<Judgement> {
    const child = this.#child;
    if (child === undefined) return { outcome: "ended" };
    const end = new AbortController();
    const answered = once(child, "message", { signal: end.signal }).then(([judgement]) => judgement as Judgement);
    const ended = once(child, "exit", { signal: end.signal }).then((): Judgement => {
      this.#child = undefined;
      return { outcome: "ended" };
    });
    child.send(question);
    try {
      return await Promise.race([answered, ended]);
    } finally {
      end.abort();
      await Promise.allSettled([answered, ended]);
    }
  }

  close(): void {
    this.#child?.kill("SIGKILL");
  }
}
