import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";

/** The command as users run it. */
export const HOLDFAST = fileURLToPath(new URL("../../packages/server/bin/holdfast.js", import.meta.url));

const BUILT = fileURLToPath(new URL("../../packages/server/dist/cli/main.js", import.meta.url));
const POLL_MS = 20;
/** Counted and not by the clock, so that it does not run out while all of this stands still. */
const POLLS_MAX = 3_000;

/** A port of the loopback address that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** `holdfast serve` in a process of its own, on one directory and port, started and killed again and again. */
export class ServerProcess {
  readonly url: string;
  readonly #command: readonly string[];
  #child: ChildProcess | undefined;
  #said = "";

  /**
   * @param wrapper a program with its arguments that runs the server, such as `strace`
   * @param flags of `holdfast serve`
   * @param program the command, if not the one that is built here
   */
  constructor(directory: string, port: number, wrapper: readonly string[] = [], flags: readonly string[] = [], program = HOLDFAST) {
    if (program === HOLDFAST && !existsSync(BUILT)) throw new Error("the command is not built: npm run build");
    this.url = `http://127.0.0.1:${port}`;
    this.#command = [...wrapper, process.execPath, program, "serve", "--port", String(port), "--directory", directory, ...flags];
  }

  /** Starts the server and resolves when it serves. */
  async start(): Promise<void> {
    const child = this.launch();
    for (let polls = 0; !(await this.#ready()); polls++) {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`the server ended with ${child.exitCode ?? child.signalCode}: ${this.#said}`);
      if (polls >= POLLS_MAX) throw new Error(`the server does not serve after ${POLLS_MAX} times ${POLL_MS} ms: ${this.#said}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Starts the server, which need not come to serve. */
  launch(): ChildProcess {
    const [program = "", ...args] = this.#command;
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (text) => {
        this.#said = `${this.#said}${text}`.slice(-4_000);
      });
    }
    return child;
  }

  async #ready(): Promise<boolean> {
    const answer = await fetch(`${this.url}/readyz`).catch(() => undefined);
    await answer?.arrayBuffer();
    return answer?.ok === true;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get running(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** What it wrote last. */
  get said(): string {
    return this.#said;
  }

  /** Kills the process as the kernel would when memory is out: no handler runs. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** Asks the process to end. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  /** Waits until the process has ended, whoever ended it; false when it still runs after so long. */
  async ended(withinMs: number): Promise<boolean> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return true;
    const signal = AbortSignal.timeout(withinMs);
    return once(child, "exit", { signal }).then(
      () => true,
      () => false,
    );
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill(signal);
    await exit;
  }
}
