import { spawnSync } from "node:child_process";

/** `strace`, so that the process it runs has its own id and ends as it would without. */
const TRACER = ["strace", "-D", "-f"] as const;

/** Runs what follows under `strace`, which sees only the calls that it is told to. */
export const STRACE = [...TRACER, "--seccomp-bpf"] as const;

/** Why the system calls of a process cannot be seen here; undefined when they can. */
export function whyNoStrace(): string | undefined {
  const { error, status, stderr } = spawnSync("strace", ["-f", "--seccomp-bpf", "-o", "/dev/null", "true"], { encoding: "utf8" });
  if (error !== undefined) return `strace does not run: ${error.message}`;
  return status === 0 ? undefined : `strace may not trace: ${stderr.trim()}`;
}

/**
 * Does something to the server at one of its system calls. Calls are counted per thread, so that there is one only of
 * those that Node.js has for them. Every call is stopped at: with `--seccomp-bpf` signals are not sent (strace 6.1).
 *
 * @param what as in `signal=KILL`, `error=EIO`
 * @param when the number of the call, or `N+` for all from that one on
 */
export const injecting = (call: string, what: string, when: string): string[] => [
  "env",
  "UV_THREADPOOL_SIZE=1",
  ...TRACER,
  "-o",
  "/dev/null",
  "-e",
  `trace=${call}`,
  "-e",
  `inject=${call}:${what}:when=${when}`,
];
