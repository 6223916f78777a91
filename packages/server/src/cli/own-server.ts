import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { CommandError, EXIT } from "./exit-codes.js";

/** How long a server that was let go of may take to end. */
const END_MS = 10_000;

/** A server for a while, in a process and a directory of its own. */
export class OwnServer {
  readonly url: string;
  readonly directory: string;
  readonly #child: ChildProcess;

  private constructor(url: string, directory: string, child: ChildProcess) {
    this.url = url;
    this.directory = directory;
    this.#child = child;
  }

  /** @param parent where its directory is made; that of the system for temporary files unless given */
  static async start(parent: string = tmpdir()): Promise<OwnServer> {
    const directory = await mkdtemp(join(parent, "holdfast-bench-")).catch((error: Error) => {
      throw new CommandError(EXIT.usage, `--directory ${parent} cannot be used: ${error.message}`);
    });
    const program = fileURLToPath(new URL("dist/cli/bench-server.js", import.meta.resolve("holdfast/package.json")));
    // A process group of its own: an interrupt from the terminal is for the command, which lets go of the server when it is done.
    const child = fork(program, [directory], { stdio: ["ignore", "pipe", "pipe", "ipc"], detached: true, execArgv: [] });
    try {
      return new OwnServer(await addressOf(child), directory, child);
    } catch (error) {
      await end(child, directory);
      throw error;
    }
  }

  /** Resolves once the process has ended and the directory is gone. */
  stop(): Promise<void> {
    return end(this.#child, this.directory);
  }
}

/** The address that the log of the server names, whose other lines are passed over. */
async function addressOf({ stdout, stderr }: ChildProcess): Promise<string> {
  if (stdout === null || stderr === null) throw new TypeError("no pipes");
  const lines = createInterface({ input: stdout });
  const address = new Promise<string>((resolve) => {
    lines.on("line", (line) => {
      const { msg, address: told } = JSON.parse(line) as { readonly msg?: unknown; readonly address?: unknown };
      if (msg === "listening" && typeof told === "string") resolve(told);
    });
  });
  const failed = text(stderr).then((why) => {
    throw new CommandError(EXIT.failure, `the server to measure ended: ${why}`);
  });
  // It also ends when it is let go of, and then nobody waits.
  failed.catch(() => undefined);
  return Promise.race([address, failed]);
}

async function end(child: ChildProcess, directory: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    // Not "close": that does not come where the channel was closed from here.
    const ended = once(child, "exit");
    const timer = setTimeout(() => child.kill("SIGKILL"), END_MS);
    if (child.connected) child.disconnect();
    await ended;
    clearTimeout(timer);
  }
  await rm(directory, { recursive: true, force: true });
}
