/** Where Holdfast writes what an operator should know: one line a call. A pino logger and `console` fit. */
export interface Log {
  info(line: string): void;
  warn(line: string): void;
  error(line: string): void;
}

export const silentLog: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };
