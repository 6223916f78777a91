/** What a server is like at one moment. */
export interface Sample {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly pid: number;
  /** Of memory, in bytes: what the process has, what JavaScript uses of it, and what it has outside of its heap. */
  readonly rss: number;
  readonly heap: number;
  readonly external: number;
  readonly descriptors: number;
  /** Bytes of all files of the store. */
  readonly store: number;
  /** Of the delays of the event loop since the sample before, the 99th percentile, in ms. */
  readonly lagMs: number;
}

const COLUMNS = ["atMs", "pid", "rss", "heap", "external", "descriptors", "store", "lagMs"] as const satisfies readonly (keyof Sample)[];

/** The first line of the file that samples are written to. */
export const CSV_HEAD = `${COLUMNS.join(",")}\n`;

export const csvLine = (sample: Sample): string => `${COLUMNS.map((column) => sample[column]).join(",")}\n`;

/** Reads samples back; a line that a kill cut off is left out. */
export function readCsv(text: string): Sample[] {
  return text.split("\n").flatMap((line) => {
    const cells = line.split(",");
    const [atMs, pid, rss, heap, external, descriptors, store, lagMs] = cells.map(Number);
    const numbers = { atMs, pid, rss, heap, external, descriptors, store, lagMs };
    const isWhole = cells.length === COLUMNS.length && cells.every((cell) => cell !== "" && Number.isFinite(Number(cell)));
    return isWhole ? [numbers as Sample] : [];
  });
}
