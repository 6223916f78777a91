import { type ErrorCode, HoldfastError } from "holdfast-client/protocol";

/** What the commands end with. Part of the public contract: scripts test for these. */
export const EXIT = {
  ok: 0,
  /** Something failed that none of the others names. */
  failure: 1,
  /** An unknown flag, a value out of range, a bad configuration file. */
  usage: 2,
  /** No Holdfast server answered, or it stayed away longer than `--offline-timeout-ms`. */
  unreachable: 3,
  /** The server answered and said no. */
  refused: 4,
  /** A line of standard input is not what was asked for. */
  badInput: 5,
  /** Ended by SIGINT or SIGTERM before the work was done. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A failure to tell in one line on standard error, and the code to end with. */
export class CommandError extends Error {
  override readonly name = "CommandError";

  constructor(
    readonly exitCode: ExitCode,
    message: string,
  ) {
    super(message);
  }
}

/** Codes with which a server refuses for good what it was asked. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "BAD_REQUEST",
  "NOT_FOUND",
  "FORBIDDEN",
  "UNAUTHENTICATED",
  "TOO_LARGE",
  "ID_CONFLICT",
]);

/** The exit code for an error code of Holdfast. */
export const exitCodeOf = (code: ErrorCode): ExitCode => (REFUSALS.has(code) ? EXIT.refused : EXIT.failure);

/** For commands that ask no server, so that none can have refused: an argument that cannot be used, or a failure. */
export function withoutServer(error: unknown): never {
  if (!(error instanceof HoldfastError)) throw error;
  throw new CommandError(REFUSALS.has(error.code) ? EXIT.usage : EXIT.failure, error.message);
}

/** The last paragraph of every `--help`. */
export const EXIT_CODES_HELP = `
Exit codes:
  0    done
  1    failed
  2    bad flag, argument or configuration
  3    server unreachable
  4    refused by the server
  5    bad line on standard input
  130  interrupted before the work was done`;
