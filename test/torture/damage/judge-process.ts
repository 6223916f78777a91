import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Judgement } from "./judge.js";
import type { DamageQuestion } from "./main.js";

const PROGRAM = fileURLToPath(new URL("./torture-damage.js", import.meta.url));

/** How LevelDB ends a process: by an assertion, or where it reads a mapped file behind its end. */
const LEVEL_ENDS: readonly (NodeJS.Signals | null)[] = ["SIGABRT", "SIGBUS", "SIGSEGV"];
/** What Node.js writes when it ends itself, such as for want of memory. */
const NODE_ENDS = /FATAL ERROR/;
const SAID_MAX = 2_000;

/** Judges damaged stores in a process of its own: LevelDB ends it where what it reads contradicts itself. */
export class JudgeProcess {
  readonly #whole: () => string;
  readonly #unfinished: (() => string) | undefined;
  #child: ChildProcess | undefined;
  #said = "";

  /**
   * @param whole lays out the store as it is before it is damaged, and gives its directory
   * @param unfinished lays it out without the last commit, if that may be missing
   */
  constructor(whole: () => string, unfinished?: () => string) {
    this.#whole = whole;
    this.#unfinished = unfinished;
  }

  /** @param damaged lays out the damaged store, and gives its directory */
  async judge(damaged: () => string): Promise<Judgement> {
    if (this.#child === undefined) {
      this.#child = this.#start();
      await this.#read({ whole: this.#whole() });
      if (this.#unfinished !== undefined) await this.#read({ unfinished: this.#unfinished() });
    }
    return this.#ask({ damaged: damaged() });
  }

  async #read(question: DamageQuestion): Promise<void> {
    const { outcome } = await this.#ask(question);
    if (outcome !== "harmless") throw new Error("the store cannot be read before it is damaged");
  }

  #start(): ChildProcess {
    this.#said = "";
    const child = fork(PROGRAM, { stdio: ["ignore", "ignore", "pipe", "ipc"] });
    child.stderr?.on("data", (text) => {
      this.#said = `${this.#said}${text}`.slice(-SAID_MAX);
    });
    return child;
  }

  /** Only LevelDB may end it: an error that nobody handles is a fault of ours. */
  #ended(code: number | null, signal: NodeJS.Signals | null): Judgement {
    this.#child = undefined;
    if (LEVEL_ENDS.includes(signal) && !NODE_ENDS.test(this.#said)) return { outcome: "ended", signal: signal ?? "" };
    return { outcome: "ended", wrong: `the process that read it ended with ${signal ?? code}: ${this.#said}` };
  }

  async #ask(question: DamageQuestion): Promise<Judgement> {
    const child = this.#child;
    if (child === undefined) throw new Error("no process judges");
    const end = new AbortController();
    const answered = once(child, "message", { signal: end.signal }).then(([judgement]) => judgement as Judgement);
    // What it said is whole then.
    const ended = once(child, "close", { signal: end.signal }).then(([code, signal]) => this.#ended(code, signal));
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
