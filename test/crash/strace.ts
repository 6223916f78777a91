import { spawnSync } from "node:child_process";
import { textsOf } from "./strace-log.js";
import { whyNot } from "./why-not.js";

/** `strace`, so that the process it runs has its own id and ends as it would without. */
const TRACER = ["strace", "-D", "-f"] as const;

/** Runs what follows under `strace`, which sees only the calls that it is told to. */
export const STRACE = [...TRACER, "--seccomp-bpf"] as const;

/** Why the system calls of a process cannot be seen here; undefined when they can. */
export function whyNoStrace(): string | undefined {
  const run = spawnSync("strace", ["-f", "--seccomp-bpf", "-o", "/dev/null", "true"], { encoding: "utf8" });
  const why = whyNot("it", run);
  if (why === undefined) return undefined;
  return run.error === undefined ? `strace may not trace: ${why}` : `strace does not run: ${why}`;
}

/** Where `strace` does what it is told to. */
export interface Injecting {
  /** The number of the call, or `N+` for all from that one on. */
  readonly when: string;
  /** A file for those calls, with times, for `injectedCalls`. */
  readonly log?: string;
  /** Calls with other files are left alone, and not counted. */
  readonly paths?: readonly string[];
}

/**
 * Does something to the server at one of its system calls. Calls are counted per thread, so that there is one only of
 * those that Node.js has for them. Every call is stopped at: with `--seccomp-bpf` signals are not sent (strace 6.1).
 *
 * @param what as in `signal=KILL`, `error=EIO`
 */
export const injecting = (call: string, what: string, { when, log, paths = [] }: Injecting): string[] => [
  "env",
  "UV_THREADPOOL_SIZE=1",
  ...TRACER,
  ...(log === undefined ? ["-o", "/dev/null"] : ["-ttt", "-y", "-s", "0", "-o", log]),
  ...paths.flatMap((path) => ["-P", path]),
  "-e",
  `trace=${call}`,
  "-e",
  `inject=${call}:${what}:when=${when}`,
];

/** A call to which something was done. */
export interface InjectedCall {
  readonly name: string;
  /** What its file descriptor is. */
  readonly file: string;
  /** When it began, in ms since 1970. */
  readonly atMs: number;
}

/** The calls to which something was done, in the order of their ends, by the log of a server that has ended. */
export async function injectedCalls(log: string): Promise<InjectedCall[]> {
  const calls: InjectedCall[] = [];
  for await (const { text, at } of textsOf(log)) {
    const [, name = "", file = ""] = /^(\w+)\(\d+<([^>]*)>.*\((?:INJECTED|DELAYED)\)$/s.exec(text) ?? [];
    if (name !== "") calls.push({ name, file, atMs: at * 1_000 });
  }
  return calls;
}
