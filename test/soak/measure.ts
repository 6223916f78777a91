import { median } from "../median.js";
import type { Sample } from "./sample.js";
import { type Point, type Slope, slopeOf } from "./slope.js";

const MIB = 1024 * 1024;
const MINUTE_MS = 60_000;
/** A process takes memory while it warms up: so much of its life is left out. */
const WARM_MS = 5 * MINUTE_MS;

/** One of the things that are watched. */
interface Measure {
  readonly name: string;
  readonly unit: string;
  value(sample: Sample): number;
  /** What stands for a minute: what is sampled within one tells of the same load, and so is not as many values as it seems. */
  readonly ofMinute: (values: readonly number[]) => number;
  /** Its level is the store's, and so goes on from process to process. */
  readonly outlives: boolean;
  /** How much it may rise in an hour, of its mean or in its unit. */
  readonly bound: { readonly part: number } | { readonly most: number };
}

/** What is in use of a heap is what a collection leaves; how much is thrown away before the next one tells of the load alone. */
const lowest = (values: readonly number[]): number => Math.min(...values);

const OF_PROCESS = { ofMinute: median, outlives: false, unit: "MiB" } as const;

const MEASURES: readonly Measure[] = [
  { ...OF_PROCESS, name: "Resident memory", value: ({ rss }) => rss / MIB, bound: { part: 0.01 } },
  { ...OF_PROCESS, name: "Heap in use", value: ({ heap }) => heap / MIB, ofMinute: lowest, bound: { part: 0.01 } },
  { ...OF_PROCESS, name: "File descriptors", unit: "", value: ({ descriptors }) => descriptors, bound: { most: 1 } },
  { ...OF_PROCESS, name: "Store", value: ({ store }) => store / MIB, outlives: true, bound: { part: 0.01 } },
  { ...OF_PROCESS, name: "Delay of the event loop, p99", unit: "ms", value: ({ lagMs }) => lagMs, bound: { most: 1 } },
];

/** What came of a measure. */
export interface Measured {
  readonly measure: Measure;
  /** By process, or as one where it outlives them. */
  readonly lives: readonly (readonly Point[])[];
  /** Undefined when no process was watched for long enough. */
  readonly slope: Slope | undefined;
  /** How much it may rise in an hour, in its unit. */
  readonly bound: number;
  /** It rises by more than that, and not by chance. */
  readonly rises: boolean;
}

/** Values of each measure, and how they rise while a process is warm. */
export function measure(samples: readonly Sample[]): Measured[] {
  return MEASURES.map((one) => {
    const lives = livesOf(samples, one);
    const slope = slopeOf(lives.map((life) => byMinute(warm(life), one.ofMinute)));
    const bound = "most" in one.bound ? one.bound.most : one.bound.part * (slope?.mean ?? 0);
    return { measure: one, lives, slope, bound, rises: slope !== undefined && slope.low > bound };
  });
}

function livesOf(samples: readonly Sample[], { outlives, value }: Measure): Point[][] {
  const lives = groupedBy(samples, ({ pid }) => (outlives ? 0 : pid));
  return Array.from(lives.values(), (life) => life.map((sample) => ({ atMs: sample.atMs, value: value(sample) })));
}

function warm(life: readonly Point[]): readonly Point[] {
  const from = (life[0]?.atMs ?? 0) + WARM_MS;
  return life.filter(({ atMs }) => atMs >= from);
}

function byMinute(points: readonly Point[], ofMinute: Measure["ofMinute"]): Point[] {
  const minutes = groupedBy(points, ({ atMs }) => Math.floor(atMs / MINUTE_MS));
  return Array.from(minutes, ([minute, within]) => ({ atMs: minute * MINUTE_MS, value: ofMinute(within.map(({ value }) => value)) }));
}

/** By key, in the order in which the keys come. */
function groupedBy<Item>(items: readonly Item[], keyOf: (item: Item) => number): Map<number, Item[]> {
  const groups = new Map<number, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** How it rises, in words. */
export function verdictOf({ measure: { unit }, slope, bound }: Measured): string {
  if (slope === undefined) return "too short for a slope";
  const ofUnit = unit === "" ? "" : ` ${unit}`;
  return `${signed(slope.perHour)}${ofUnit}/h (95 %: ${signed(slope.low)} to ${signed(slope.high)}), bound ${signed(bound)}`;
}

/** What rises by more than it may, each a line. */
export const violationsOf = (measured: readonly Measured[]): string[] =>
  measured.filter(({ rises }) => rises).map((one) => `rises: ${one.measure.name} ${verdictOf(one)}`);

/** With its sign, and three digits at most. */
const signed = (value: number): string => `${value > 0 ? "+" : value < 0 ? "−" : "±"}${short(Math.abs(value))}`;

/** Three digits at most. */
export const short = (value: number): string => String(Number(value.toPrecision(3)));
