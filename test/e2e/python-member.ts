import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const MEMBER = fileURLToPath(new URL("socketio-member.py", import.meta.url));

/** What a member in Python says of what happens to it. */
export interface Said {
  readonly what: "connected" | "disconnected" | "reply" | "heard" | "gap";
  readonly [field: string]: unknown;
}

/** A user's device in Python, in a process of its own, asked from here. */
export class PythonMember {
  readonly said: Said[] = [];
  readonly #child: ChildProcess;
  readonly #errors: Promise<string>;
  readonly #ended: Promise<unknown>;
  #wake: () => void = () => undefined;

  constructor(python: string, url: string, user: string, device: string) {
    const child = spawn(python, [MEMBER, url, user, device], { stdio: "pipe" });
    this.#child = child;
    this.#errors = text(child.stderr);
    this.#ended = once(child, "close").then(() => this.#wake());
    createInterface(child.stdout).on("line", (line) => {
      this.said.push(JSON.parse(line) as Said);
      this.#wake();
    });
  }

  of(what: Said["what"]): Said[] {
    return this.said.filter((line) => line.what === what);
  }

  /** Resolves once it has said as many of that kind. */
  async count(what: Said["what"], count: number): Promise<Said[]> {
    while (this.of(what).length < count) {
      if (this.#child.exitCode !== null) throw new Error(`python ended: ${await this.#errors}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.of(what);
  }

  /** One request; resolves to its reply. */
  async ask(event: string, payload: object): Promise<unknown> {
    const before = this.of("reply").length;
    this.#child.stdin?.write(`${JSON.stringify([event, payload])}\n`);
    return (await this.count("reply", before + 1)).at(-1)?.reply;
  }

  /** Disconnects and ends; resolves to what it complained of. */
  async leave(): Promise<string> {
    this.#child.stdin?.end();
    await this.#ended;
    return this.#errors;
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }
}
