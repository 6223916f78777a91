import { statSync } from "node:fs";

/** Which file or directory it is, whatever its name. */
export interface Identity {
  readonly dev: number;
  readonly ino: number;
}

/** Whether a path still leads to what was opened there: that may have been removed, moved away or replaced. */
export function leadsTo(path: string, { dev, ino }: Identity): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.ino === ino && found.dev === dev;
}
