import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Memory } from "./memory-probe.js";

const HOLDFAST = join(dirname(createRequire(import.meta.url).resolve("holdfast/package.json")), "bin/holdfast.js");
/** Built, also when this file is not. */
const PROBE = fileURLToPath(new URL("../dist/memory-probe.js", import.meta.url));

/** Limits are for those who mean no good, but here they would only keep inputs out. */
const CONFIG = {
  polling: true,
  queuesMax: 1_000,
  roomsMax: 1_000,
  namespacesMax: 20,
  // A machine that stands still for a while is no fault of the server's.
  pingTimeoutMs: 300_000,
  connections: { joinTimeoutMs: 600_000, headersTimeoutMs: 600_000, requestTimeoutMs: 600_000 },
  limits: { connectionRate: false, userRate: false, addressRate: false, badRequestRate: false },
};

/** A server in a process of its own, looked at from outside. */
export class FuzzedServer {
  readonly url: string;
  readonly #child: ChildProcess;
  #said = "";

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
    child.stdout?.on("data", (text) => this.#keep(text));
  }

  /** @param engine `level` stores in the directory */
  static async start(directory: string, engine: "level" | "memory"): Promise<FuzzedServer> {
    const config = join(directory, "fuzz.json");
    writeFileSync(config, JSON.stringify(CONFIG));
    const args = ["serve", "--port", "0", "--engine", engine, "--directory", join(directory, "data"), "--config", config];
    const child = spawn(process.execPath, ["--expose-gc", "--import", PROBE, HOLDFAST, ...args], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    let said = "";
    const url = await new Promise<string>((resolve, reject) => {
      child.once("exit", () => reject(new Error(`the server did not start: ${said}`)));
      child.stderr?.on("data", (text) => (said += String(text)));
      child.stdout?.on("data", (text) => {
        said += String(text);
        const address = /"address":"([^"]+)"/.exec(said)?.[1];
        if (address !== undefined) resolve(address);
      });
    });
    const server = new FuzzedServer(child, url);
    child.stderr?.on("data", (text) => server.#keep(text));
    return server;
  }

  #keep(text: unknown): void {
    this.#said = `${this.#said}${text}`.slice(-10_000);
  }

  /** Why it has ended; undefined while it runs. */
  get ended(): string | undefined {
    const { exitCode, signalCode } = this.#child;
    return exitCode === null && signalCode === null ? undefined : `exit ${exitCode ?? signalCode}: ${this.#said}`;
  }

  /** Errors that it wrote down: each is something that nobody thought of. */
  get errors(): string[] {
    return this.#said.split("\n").filter((line) => line.includes('"level":50'));
  }

  /** Collects its garbage, and tells what is left. @param snapshot where to write down all of it, before that */
  async memory(snapshot?: string): Promise<Memory> {
    const answer = once(this.#child, "message");
    this.#child.send(snapshot ?? {});
    const [memory] = (await answer) as [Memory];
    return memory;
  }

  /** Its open sockets, also those that nobody listens to. */
  get sockets(): number {
    const directory = `/proc/${this.#child.pid}/fd`;
    return readdirSync(directory).filter((fd) => isSocket(join(directory, fd))).length;
  }

  async stop(): Promise<void> {
    if (this.ended !== undefined) return;
    const exit = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await exit;
  }
}

function isSocket(path: string): boolean {
  try {
    return readlinkSync(path).startsWith("socket:");
  } catch {
    // Closed meanwhile.
    return false;
  }
}
