import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { HOLDFAST } from "./server-process.js";

/** One run of a `holdfast` command, with the lines it wrote to standard output, parsed. */
export class CommandRun<Line> {
  readonly lines: Line[] = [];
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #exit: Promise<number | null>;
  #said = "";

  constructor(...args: readonly string[]) {
    const child = spawn(process.execPath, [HOLDFAST, ...args], { stdio: ["pipe", "pipe", "pipe"] });
    this.#child = child;
    child.stdin.on("error", () => {});
    child.stderr.on("data", (text) => {
      this.#said = `${this.#said}${text}`.slice(-2_000);
    });
    const reader = createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY });
    reader.on("line", (line) => this.lines.push(JSON.parse(line) as Line));
    const read = once(reader, "close");
    this.#exit = once(child, "exit").then(async ([code]) => {
      await read;
      return code as number | null;
    });
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What it wrote to standard error last. */
  get said(): string {
    return this.#said;
  }

  /** Writes standard input as fast as it is read, and ends it. */
  async feed(lines: readonly string[]): Promise<void> {
    const { stdin } = this.#child;
    for (let at = 0; at < lines.length; at += 500) {
      if (!stdin.write(`${lines.slice(at, at + 500).join("\n")}\n`) && this.running) await Promise.race([once(stdin, "drain"), this.#exit]);
    }
    stdin.end();
  }

  /** Resolves to the exit code when all its output was read. */
  exit(): Promise<number | null> {
    return this.#exit;
  }

  /** Ends the command if it still runs. */
  async kill(): Promise<void> {
    if (this.running) this.#child.kill("SIGKILL");
    await this.#exit;
  }
}
