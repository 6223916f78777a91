import { type Logger, pino } from "pino";
import { build as prettyStream } from "pino-pretty";

/** Lines that wait for a slow reader of standard output; past it they are dropped, the server goes on. */
const WAITING_BYTES_MAX = 1_048_576;

/** The log of `serve`, on standard output: for people on a terminal, one JSON object a line otherwise. */
export interface Log {
  readonly logger: Logger;
  /** Writes out what waits. */
  flush(): void;
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
    return { logger: pino({ base: null }, stream), flush: () => undefined };
  }
  // Not synchronous: a reader that stalls must not stall the server.
  const destination = pino.destination({ fd: 1, sync: false, maxLength: WAITING_BYTES_MAX });
  return { logger: pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination), flush: () => flush(destination) };
}

function flush(destination: ReturnType<typeof pino.destination>): void {
  try {
    destination.flushSync();
  } catch {
    // Whoever read it is gone; there is nobody to tell.
  }
}
