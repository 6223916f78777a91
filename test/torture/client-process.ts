import { type ChildProcess, fork } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { fileURLToPath } from "node:url";
import type { ClientSpec, Order, Word } from "./client/spec.js";

const PROGRAM = fileURLToPath(new URL("./torture-client.js", import.meta.url));
const WAIT_MS = 60_000;

/** A client in a process of its own. */
export class ClientProcess {
  readonly spec: ClientSpec;
  readonly #child: ChildProcess;
  readonly #words = new EventEmitter().setMaxListeners(50);
  readonly #exit: Promise<unknown>;
  #said = "";

  constructor(spec: ClientSpec) {
    this.spec = spec;
    this.#child = fork(PROGRAM, [JSON.stringify(spec)], { stdio: ["ignore", "ignore", "pipe", "ipc"] });
    this.#exit = once(this.#child, "exit");
    this.#child.stderr?.on("data", (text) => {
      this.#said = `${this.#said}${text}`.slice(-4_000);
    });
    this.#child.on("message", (word: Word) => this.#words.emit(word.say, word));
  }

  tell(order: Order): void {
    if (this.#child.connected) this.#child.send(order);
  }

  on<Say extends Word["say"]>(say: Say, heard: (word: Extract<Word, { readonly say: Say }>) => void): () => void {
    const listener = heard as (word: Word) => void;
    this.#words.on(say, listener);
    return () => this.#words.off(say, listener);
  }

  /** Waits until the client says that. */
  async says<Say extends Word["say"]>(say: Say): Promise<Extract<Word, { readonly say: Say }>> {
    const signal = AbortSignal.timeout(WAIT_MS);
    const ended = this.#exit.then(() => Promise.reject(new Error(`client ${this.spec.name} ended: ${this.#said}`)));
    const [word] = (await Promise.race([once(this.#words, say, { signal }), ended])) as [Extract<Word, { readonly say: Say }>];
    return word;
  }

  /** Stops it as a laptop whose lid is closed. */
  freeze(): void {
    this.#child.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child.kill("SIGCONT");
  }

  async stop(): Promise<void> {
    this.tell("stop");
    const late = setTimeout(() => this.#child.kill("SIGKILL"), WAIT_MS);
    await this.#exit;
    clearTimeout(late);
  }

  /** Ends it at once, whatever it does. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exit;
  }
}
