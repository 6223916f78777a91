/** A value at a time. */
export interface Point {
  readonly atMs: number;
  readonly value: number;
}

/** A straight line through values: how it rises per hour, and between which bounds that is with 95 % confidence. */
export interface Slope {
  readonly perHour: number;
  readonly low: number;
  readonly high: number;
  readonly mean: number;
  readonly points: number;
}

const HOUR_MS = 3_600_000;
/** Of the normal distribution: 95 % lie within so many standard deviations. */
const DEVIATIONS = 1.96;
/** With fewer there is no telling. */
const POINTS_MIN = 10;
const CORRELATION_MAX = 0.99;

/**
 * The slope that several stretches of time have in common, each with a level of its own, as a process that is restarted has
 * a memory of its own. By least squares; what one value says of the next one makes the bounds wider.
 *
 * @returns undefined when there are too few points
 */
export function slopeOf(stretches: readonly (readonly Point[])[]): Slope | undefined {
  const used = stretches.filter((stretch) => stretch.length > 1);
  const points = used.flat().length;
  let [timesSquared, products] = [0, 0];
  const centred = used.map((stretch) => {
    const [time, value] = [meanOf(stretch, ({ atMs }) => atMs), meanOf(stretch, (point) => point.value)];
    return stretch.map((point) => ({ hours: (point.atMs - time) / HOUR_MS, value: point.value - value }));
  });
  for (const { hours, value } of centred.flat()) {
    timesSquared += hours * hours;
    products += hours * value;
  }
  if (points < POINTS_MIN || timesSquared === 0) return undefined;
  const perHour = products / timesSquared;
  const rests = centred.map((stretch) => stretch.map(({ hours, value }) => value - perHour * hours));
  const correlation = Math.max(0, Math.min(CORRELATION_MAX, correlationOf(rests)));
  const squares = sum(rests.flat().map((rest) => rest * rest));
  const variance = squares / Math.max(1, points - used.length - 1) / timesSquared;
  const error = DEVIATIONS * Math.sqrt((variance * (1 + correlation)) / (1 - correlation));
  return { perHour, low: perHour - error, high: perHour + error, mean: meanOf(used.flat(), ({ value }) => value), points };
}

/** How much a rest says of the one after it: 0 for nothing, 1 for all. */
function correlationOf(rests: readonly (readonly number[])[]): number {
  const neighbours = rests.flatMap((stretch) => stretch.slice(1).map((rest, index) => rest * (stretch[index] ?? 0)));
  const squares = rests.flatMap((stretch) => stretch.map((rest) => rest * rest));
  return sum(squares) === 0 ? 0 : sum(neighbours) / sum(squares);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

const meanOf = <Item>(items: readonly Item[], value: (item: Item) => number): number => sum(items.map(value)) / items.length;
