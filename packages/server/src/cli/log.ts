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
  const { stream, flush } = openDestination();
  return { logger: pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream), flush };
}

/** Standard output, however it fares: where it is full or nobody reads it, lines wait, are tried again with the next one, and are dropped in the end. */
function openDestination(): { readonly stream: ReturnType<typeof pino.destination>; flush(): Promise<void> } {
  // Not synchronous: a reader that stalls must not stall the server.
  const stream = pino.destination({ fd: 1, sync: false, maxLength: WAITING_BYTES_MAX });
  let isStuck = false;
  stream.on("error", () => {
    isStuck = true;
  });
  stream.on("write", () => {
    isStuck = false;
  });
  // Called when the process ends: it would try what fails again and again, for ever.
  const flushSync = stream.flushSync.bind(stream);
  stream.flushSync = () => {
    if (!isStuck) flushSync();
  };
  // Not `flushSync`, which overtakes the lines that are being written.
  const flush = (): Promise<void> =>
    new Promise((resolve) => {
      const patience = setTimeout(() => {
        isStuck = true;
        resolve();
      }, FLUSH_MS);
      stream.flush(() => {
        clearTimeout(patience);
        resolve();
      });
    });
  return { stream, flush };
}
