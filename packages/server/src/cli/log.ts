import { type Logger, pino } from "pino";
import { build as prettyStream } from "pino-pretty";

/** Lines that wait for a slow reader of standard output; past it they are dropped, the server goes on. */
const WAITING_BYTES_MAX = 1_048_576;

/** So long the last lines may take when the server ends. */
const FLUSH_MS = 1_000;

/** The log of `serve`, on standard output: for people on a terminal, one JSON object a line otherwise. */
export interface Log {
  readonly logger: Logger;
  /** Resolves once what waits is written out, or nobody reads it. */
  flush(): Promise<void>;
}

export function openLog(): Log {
  if (process.stdout.isTTY) {
    const stream = prettyStream({
      colorize: !("NO_COLOR" in process.env),
      singleLine: true,
      sync: true,
      translateTime: "SYS:HH:MM:ss.l",
      ignore: "pid,hostname",
    });
    return { logger: pino({ base: null }, stream), flush: async () => undefined };
  }
  // Not synchronous: a reader that stalls must not stall the server.
  const destination = pino.destination({ fd: 1, sync: false, maxLength: WAITING_BYTES_MAX });
  return { logger: pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination), flush: () => flush(destination) };
}

/** Not `flushSync`, which overtakes the lines that are being written. */
function flush(destination: ReturnType<typeof pino.destination>): Promise<void> {
  return new Promise((resolve) => {
    const patience = setTimeout(resolve, FLUSH_MS);
    destination.flush(() => {
      clearTimeout(patience);
      resolve();
    });
  });
}
