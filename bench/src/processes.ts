import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Load, LoadResult, ServerKind, ServerReady, Usage } from "./protocol.js";

const script = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

/** The next message of a child; fails when the child ends first. */
async function answer<Message>(child: ChildProcess): Promise<Message> {
  const ended = new AbortController();
  try {
    return await Promise.race([
      once(child, "message", { signal: ended.signal }).then(([message]) => message as Message),
      once(child, "exit", { signal: ended.signal }).then(([code]) => {
        throw new Error(`a process of the benchmark ended with code ${code}`);
      }),
    ]);
  } finally {
    ended.abort();
  }
}

/** A server in a process of its own. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly port: number;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /**
   * Resolves when it serves. With `trace`, its system calls of that names are counted into a file by strace; with
   * `collect`, it collects its garbage before it says what it uses. `secret` is what tokens are signed with.
   */
  static async start(
    kind: ServerKind,
    directory: string,
    {
      trace,
      collect = false,
      secret = "",
    }: { readonly trace?: { readonly calls: string; readonly file: string }; readonly collect?: boolean; readonly secret?: string } = {},
  ): Promise<ServerProcess> {
    const child =
      trace === undefined
        ? fork(script("server"), [kind, directory, secret], { execArgv: [...process.execArgv, ...(collect ? ["--expose-gc"] : [])] })
        : spawn(
            "strace",
            ["-f", "-c", "-e", `trace=${trace.calls}`, "-o", trace.file, process.execPath, script("server"), kind, directory],
            {
              stdio: ["inherit", "inherit", "inherit", "ipc"],
            },
          );
    const { port } = await answer<ServerReady>(child);
    return new ServerProcess(child, port);
  }

  async usage(): Promise<Usage> {
    this.#child.send("usage");
    return answer<Usage>(this.#child);
  }

  async stop(): Promise<void> {
    const exit = once(this.#child, "exit");
    this.#child.send("stop");
    await exit;
  }
}

/** Runs one load in a process of its own. */
export async function runLoad(load: Load): Promise<LoadResult> {
  const child = fork(script("load"));
  child.send(load);
  const exit = once(child, "exit");
  const result = await answer<LoadResult>(child);
  await exit;
  return result;
}

/** As `runLoad`, of a load that holds what it took until it is ended. */
export async function startHolding(load: Extract<Load, { kind: "hold" }>): Promise<{ result: LoadResult; end(): Promise<void> }> {
  const child = fork(script("load"));
  child.send(load);
  const result = await answer<LoadResult>(child);
  return {
    result,
    end: async () => {
      const exit = once(child, "exit");
      child.send("end");
      await exit;
    },
  };
}
