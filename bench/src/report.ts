import { createRequire } from "node:module";
import { cpus, release, totalmem } from "node:os";

/** The value in the middle; of an even count the lower of the two. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}

const require = createRequire(import.meta.url);
const versionOf = (name: string): string => (require(`${name}/package.json`) as { version: string }).version;

/** Machine, versions and file system: what a figure means nothing without. */
export function describeMachine(fileSystem: string): string {
  const [cpu] = cpus();
  return [
    `machine   ${cpus().length} x ${cpu?.model ?? "unknown"}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${release()}`,
    `versions  node ${process.version}, holdfast ${versionOf("holdfast")}, socket.io ${versionOf("socket.io")}`,
    `disk      ${fileSystem}, every commit synced before its receipts`,
  ].join("\n");
}

/** Rows as aligned columns; the first row is the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join("  "),
    )
    .join("\n");
}

/** A ratio beside what it is meant to be at least; `of` says which one, where there are several. */
export function ratioLine(ratio: number, target: number, of?: string): string {
  return `ratio     ${of === undefined ? "" : `${of} `}${ratio.toFixed(2)}x, target ${target.toFixed(2)}x or more: ${ratio >= target ? "met" : "NOT met"}`;
}

/** Progress of a long run, on standard error so that the report can be piped. */
export function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
