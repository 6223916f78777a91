import { type ChildProcess, fork } from "node:child_process";
import { EventEmitter, once } from "node:events";

const WAIT_MS = 60_000;
const LISTENERS_MAX = 50;

/** A program of the tests in a process of its own, which is given orders and says words. */
export class ProgramProcess<Order extends string, Word extends { readonly say: string }> {
  readonly name: string;
  protected readonly child: ChildProcess;
  readonly #words = new EventEmitter().setMaxListeners(LISTENERS_MAX);
  readonly #exit: Promise<unknown>;
  #said = "";

  /** @param spec is what the program is given, as JSON */
  constructor(program: string, name: string, spec: object) {
    this.name = name;
    this.child = fork(program, [JSON.stringify(spec)], { stdio: ["ignore", "ignore", "pipe", "ipc"] });
    this.#exit = once(this.child, "exit");
    this.child.stderr?.on("data", (text) => {
      this.#said = `${this.#said}${text}`.slice(-4_000);
    });
    this.child.on("message", (word: Word) => this.#words.emit(word.say, word));
  }

  tell(order: Order): void {
    if (this.child.connected) this.child.send(order);
  }

  on<Say extends Word["say"]>(say: Say, heard: (word: Extract<Word, { readonly say: Say }>) => void): () => void {
    const listener = heard as (word: Word) => void;
    this.#words.on(say, listener);
    return () => this.#words.off(say, listener);
  }

  /** Waits until the program says that. */
  async says<Say extends Word["say"]>(say: Say): Promise<Extract<Word, { readonly say: Say }>> {
    const signal = AbortSignal.timeout(WAIT_MS);
    const ended = this.#exit.then(() => Promise.reject(new Error(`client ${this.name} ended: ${this.#said}`)));
    const [word] = (await Promise.race([once(this.#words, say, { signal }), ended])) as [Extract<Word, { readonly say: Say }>];
    return word;
  }

  async stop(order: Order): Promise<void> {
    this.tell(order);
    const late = setTimeout(() => this.child.kill("SIGKILL"), WAIT_MS);
    await this.#exit;
    clearTimeout(late);
  }

  /** Ends it at once, whatever it does. */
  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.#exit;
  }
}
