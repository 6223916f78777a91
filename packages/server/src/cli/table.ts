/**
 * A table for people: the first column to the left, the others, which are numbers, to the right.
 *
 * @param textFrom columns from this one on are text too
 */
export function table(head: readonly string[], rows: readonly (readonly string[])[], textFrom = head.length): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const cell = (text: string, column: number): string =>
    column === 0 || column >= textFrom ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
  const line = (cells: readonly string[]): string => cells.map(cell).join("  ").trimEnd();
  return [line(head), ...rows.map(line)].join("\n");
}

/** `850 B`, `1.2 KiB`, `3.4 GiB`. */
export function bytes(count: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, count)) / 10));
  return `${(count / 1_024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

/** `0.2 s`, `12 s`, `3 min`, `5 h`, `2 d`. */
export function duration(milliseconds: number): string {
  const seconds = milliseconds / 1_000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
