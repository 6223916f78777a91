import { readdirSync } from "node:fs";
import { join } from "node:path";

/** LevelDB makes so many files in a short life at most. */
const NEXT = 60;

/** The files that LevelDB has in a directory or will have next. */
export function levelFiles(directory: string): string[] {
  const names = readdirSync(directory);
  const last = Math.max(0, ...names.map((name) => Number(/^(?:MANIFEST-)?(\d+)/.exec(name)?.[1] ?? 0)));
  const next = Array.from({ length: NEXT }, (_, index) => String(last + 1 + index).padStart(6, "0"));
  const coming = next.flatMap((number) => [`${number}.log`, `${number}.ldb`, `MANIFEST-${number}`]);
  return [...names.filter((name) => /^(\d+\.(log|ldb)|MANIFEST-\d+)$/.test(name)), ...coming].map((name) => join(directory, name));
}
