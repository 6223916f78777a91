import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

const BINARY = fileURLToPath(new URL("../../packages/server/bin/holdfast.js", import.meta.url));

/** How a command ended and what it said. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One stream of a process as text that a test can wait for. */
class Output {
  text = "";
  #waiting: (() => void)[] = [];
  #ended = false;

  constructor(stream: Readable | null) {
    stream?.setEncoding("utf8");
    stream?.on("data", (chunk: string) => {
      this.text += chunk;
      this.#wake();
    });
    stream?.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** Resolves once `holds` of the text so far; rejects when the output ends before. */
  async until(holds: (text: string) => boolean): Promise<void> {
    while (!holds(this.text)) {
      if (this.#ended) throw new Error(`the output ended before what was waited for: ${this.text.slice(-2_000)}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

/** A run of the built `holdfast` command. */
export class Cli {
  readonly child: ChildProcess;
  readonly out: Output;
  readonly err: Output;
  readonly ended: Promise<Ended>;

  constructor(args: readonly string[], options: SpawnOptions = {}) {
    const { HOLDFAST_URL: _, HOLDFAST_TOKEN: __, ...environment } = process.env;
    const env = { ...environment, NO_COLOR: "1", ...options.env };
    this.child = spawn(process.execPath, [BINARY, ...args], { stdio: "pipe", ...options, env });
    this.out = new Output(this.child.stdout);
    this.err = new Output(this.child.stderr);
    this.child.stdin?.on("error", () => undefined);
    this.ended = once(this.child, "close").then(([code, signal]: (number | NodeJS.Signals | null)[]) => ({
      code: typeof code === "number" ? code : null,
      signal: typeof signal === "string" ? signal : null,
      stdout: this.out.text,
      stderr: this.err.text,
    }));
  }

  /** The lines of standard output so far, unfinished ones excluded. */
  get lines(): string[] {
    return this.out.text.split("\n").slice(0, -1);
  }

  kill(signal: NodeJS.Signals = "SIGKILL"): Promise<Ended> {
    this.child.kill(signal);
    return this.ended;
  }
}

/** A line of a server's log. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** Temporary directories and processes of one test, ended and removed by `close`. */
export class Shell {
  readonly #started: Cli[] = [];
  readonly #directories: string[] = [];
  readonly #servers: Server[] = [];

  directory(): string {
    const path = mkdtempSync(join(tmpdir(), "holdfast-cli-"));
    this.#directories.push(path);
    return path;
  }

  /** Starts the command and leaves it running. */
  start(args: readonly string[], options?: SpawnOptions): Cli {
    const cli = new Cli(args, options);
    this.#started.push(cli);
    return cli;
  }

  /** Runs the command to its end with `input` as standard input. */
  run(args: readonly string[], input = "", options?: SpawnOptions): Promise<Ended> {
    const cli = this.start(args, options);
    cli.child.stdin?.end(input);
    return cli.ended;
  }

  /** Starts a server on a free port (or `port`) and waits for its line. */
  async serve(directory: string, port = 0, flags: readonly string[] = [], options?: SpawnOptions): Promise<RunningServer> {
    const cli = this.start(["serve", "--port", String(port), "--directory", directory, ...flags], options);
    const server = new RunningServer(cli);
    await Promise.race([
      server.logged((line) => line.msg === "listening"),
      cli.ended.then((ended) => Promise.reject(new Error(`the server ended: ${ended.stderr}${ended.stdout}`))),
    ]);
    return server;
  }

  /** Resolves once so many messages of the queue are with consumers. */
  async inFlight(url: string, queue: string, count: number): Promise<void> {
    const watch = this.start(["stats", queue, "--url", url, "--json", "--watch", "--interval-ms", "100"]);
    await watch.out.until((text) => text.includes(`"inFlight":${count},`));
    await watch.kill();
  }

  /** A port that something else has taken. */
  async takenPort(): Promise<number> {
    const server = createServer();
    this.#servers.push(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return address.port;
  }

  /** A port where nothing listens. */
  async freePort(): Promise<number> {
    const port = await this.takenPort();
    const server = this.#servers.pop();
    server?.close();
    if (server !== undefined) await once(server, "close");
    return port;
  }

  async close(): Promise<void> {
    for (const cli of this.#started) if (cli.child.exitCode === null && cli.child.signalCode === null) await cli.kill();
    for (const server of this.#servers) server.close();
    for (const path of this.#directories) rmSync(path, { recursive: true, force: true });
  }
}

export class RunningServer {
  constructor(readonly cli: Cli) {}

  get log(): LogLine[] {
    return this.cli.lines.map((line) => JSON.parse(line) as LogLine);
  }

  /** Resolves to the first line of the log for which `matches` holds. */
  async logged(matches: (line: LogLine) => boolean): Promise<LogLine> {
    await this.cli.out.until(() => this.log.some(matches));
    const line = this.log.find(matches);
    if (line === undefined) throw new Error("no such line");
    return line;
  }

  get url(): string {
    return String(this.log.find((line) => line.msg === "listening")?.address);
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }
}
