import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setPriority } from "node:os";
import { fileURLToPath } from "node:url";

interface Answer {
  readonly number: number;
  readonly answer?: unknown;
  readonly error?: string;
}

/** A process of the benchmark that is asked one thing or several at a time. */
export class Child<Question> {
  readonly #child: ChildProcess;
  readonly #open = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>();
  #count = 0;

  /** @param script its name in the built package */
  constructor(script: string) {
    this.#child = fork(fileURLToPath(new URL(`./${script}.js`, import.meta.url)));
    this.#child.on("message", ({ number, answer, error }: Answer) => {
      const open = this.#open.get(number);
      this.#open.delete(number);
      if (error === undefined) open?.resolve(answer);
      else open?.reject(new Error(error));
    });
    this.#child.on("exit", (code) => {
      for (const { reject } of this.#open.values()) reject(new Error(`${script} ended with code ${code}`));
    });
  }

  ask<Result = void>(question: Question): Promise<Result> {
    const number = ++this.#count;
    return new Promise<Result>((resolve, reject) => {
      this.#open.set(number, { resolve: (answer) => resolve(answer as Result), reject });
      this.#child.send({ number, question });
    });
  }

  /** It runs when the others leave it time: 0 as they do, up to 19. */
  giveWay(niceness: number): void {
    if (this.#child.pid !== undefined) setPriority(this.#child.pid, niceness);
  }

  async ended(): Promise<void> {
    if (this.#child.exitCode === null) await once(this.#child, "exit");
  }
}

/** Answers what the parent asks. */
export function answerParent<Question>(answer: (question: Question) => Promise<unknown>): void {
  process.on("message", ({ number, question }: { readonly number: number; readonly question: Question }) => {
    answer(question).then(
      (result) => process.send?.({ number, answer: result }),
      (error: unknown) => process.send?.({ number, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
}
