import { type Measured, short, verdictOf } from "./measure.js";
import type { Point } from "./slope.js";

const WIDTH = 960;
const PANEL = 168;
const HEAD = 64;
const FOOT = 40;
const LEFT = 72;
const RIGHT = 24;
const TITLE = 34;
const GAP = 20;
const LINES_MIN = 3;
/** Less than this is nothing. */
const LEAST = 1e-6;
/** More points than this do not show. */
const POINTS_MAX = 600;
const MINUTE_MS = 60_000;

const INK = "#1f2933";
const SOFT = "#616e7c";
const GRID = "#e4e7eb";
const LINE = "#2b6cb0";
const BAND = "#bee3f8";
const ALARM = "#c53030";

/** Something that happened to the server. */
export interface Mark {
  readonly atMs: number;
  readonly what: "kill" | "restart";
}

export interface ChartOptions {
  readonly title: string;
  readonly measured: readonly Measured[];
  readonly marks: readonly Mark[];
}

/** Draws how each measure went, one below the other, as an SVG that needs nothing else. */
export function drawChart({ title, measured, marks }: ChartOptions): string {
  const times = measured.flatMap(({ lives }) => lives.flat().map(({ atMs }) => atMs));
  const span: Span = { from: least(times), to: Math.max(greatest(times), least(times) + 1) };
  const height = HEAD + measured.length * PANEL + FOOT;
  const panels = measured.map((one, index) => panel(one, HEAD + index * PANEL, span, marks));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(LEFT, 26, title, { size: 17, weight: 600 }),
    legend(),
    ...panels,
    timeAxis(height - FOOT + 4, span),
    "</svg>\n",
  ].join("\n");
}

interface Span {
  readonly from: number;
  readonly to: number;
}

function legend(): string {
  const y = 44;
  const item = (x: number, mark: string, name: string): string => `${mark}${text(x + 24, y + 4, name, { fill: SOFT })}`;
  return [
    item(LEFT, `<path d="M${LEFT} ${y}h18" stroke="${LINE}" stroke-width="1.6"/>`, "median"),
    item(LEFT + 92, `<rect x="${LEFT + 92}" y="${y - 5}" width="18" height="10" fill="${BAND}"/>`, "lowest to highest"),
    item(LEFT + 230, `<path d="M${LEFT + 239} ${y - 7}v14" stroke="${ALARM}" stroke-width="1.2"/>`, "kill -9"),
    item(LEFT + 316, `<path d="M${LEFT + 325} ${y - 7}v14" stroke="${SOFT}" stroke-width="1.2" stroke-dasharray="3 2"/>`, "restart"),
  ].join("");
}

function panel(measured: Measured, top: number, span: Span, marks: readonly Mark[]): string {
  const { measure, lives, rises } = measured;
  const values = lives.flat().map(({ value }) => value);
  const steps = stepsTo(greatest(values));
  const highest = steps.at(-1) ?? 1;
  const [upper, lower] = [top + TITLE, top + PANEL - GAP];
  const x = (atMs: number): number => LEFT + ((atMs - span.from) / (span.to - span.from)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number => lower - (value / highest) * (lower - upper);
  const grid = steps.map(
    (step) =>
      `<path d="M${LEFT} ${at(y(step))}H${WIDTH - RIGHT}" stroke="${GRID}"/>${text(LEFT - 8, y(step) + 4, short(step), { anchor: "end", fill: SOFT })}`,
  );
  const events = marks.map(({ atMs, what }) => {
    const style = what === "kill" ? `stroke="${ALARM}" stroke-opacity="0.55"` : `stroke="${SOFT}" stroke-dasharray="3 2"`;
    return `<path d="M${at(x(atMs))} ${upper}V${lower}" ${style}/>`;
  });
  return [
    text(LEFT, top + 20, measure.unit === "" ? measure.name : `${measure.name}, ${measure.unit}`, { weight: 600 }),
    text(WIDTH - RIGHT, top + 20, verdictOf(measured), { anchor: "end", fill: rises ? ALARM : SOFT, weight: rises ? 600 : 400 }),
    ...grid,
    ...events,
    ...lives.map((life) => drawn(life, x, y, span)),
  ].join("\n");
}

/** One process: a band from the lowest to the highest of what is too close to be told apart, and a line through the middle. */
function drawn(life: readonly Point[], x: (atMs: number) => number, y: (value: number) => number, span: Span): string {
  const groups = grouped(life, (span.to - span.from) / POINTS_MAX);
  const line = groups.map(({ atMs, middle }) => `${at(x(atMs))} ${at(y(middle))}`);
  const upper = groups.map(({ atMs, high }) => `${at(x(atMs))} ${at(y(high))}`);
  const lower = groups.map(({ atMs, low }) => `${at(x(atMs))} ${at(y(low))}`).reverse();
  if (line.length < 2) return "";
  return [
    `<path d="M${[...upper, ...lower].join("L")}Z" fill="${BAND}"/>`,
    `<path d="M${line.join("L")}" fill="none" stroke="${LINE}" stroke-width="1.6" stroke-linejoin="round"/>`,
  ].join("");
}

interface Group {
  readonly atMs: number;
  readonly low: number;
  readonly middle: number;
  readonly high: number;
}

function grouped(life: readonly Point[], widthMs: number): Group[] {
  const groups = new Map<number, Point[]>();
  for (const point of life) {
    const number = Math.floor(point.atMs / widthMs);
    const group = groups.get(number);
    if (group === undefined) groups.set(number, [point]);
    else group.push(point);
  }
  return Array.from(groups.values(), (points) => {
    const values = points.map(({ value }) => value).sort((a, b) => a - b);
    const atMs = points.reduce((sum, point) => sum + point.atMs, 0) / points.length;
    return { atMs, low: values[0] ?? 0, middle: values[values.length >> 1] ?? 0, high: values.at(-1) ?? 0 };
  });
}

function timeAxis(top: number, { from, to }: Span): string {
  const steps = stepsTo((to - from) / MINUTE_MS, 6);
  const labels = steps
    .filter((minutes) => from + minutes * MINUTE_MS <= to + 1)
    .map((minutes) => {
      const x = LEFT + ((minutes * MINUTE_MS) / (to - from)) * (WIDTH - LEFT - RIGHT);
      return text(x, top, short(minutes), { anchor: "middle", fill: SOFT });
    });
  return [...labels, text(WIDTH - RIGHT, top + 18, "minutes", { anchor: "end", fill: SOFT })].join("");
}

/** Round numbers from 0 on, up to or past the highest value. */
export function stepsTo(highest: number, count = LINES_MIN): number[] {
  const top = Math.max(highest, LEAST);
  const rough = top / count;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((times) => times * size).find((one) => one >= rough * 0.999) ?? rough;
  return Array.from({ length: Math.ceil(top / step - LEAST) + 1 }, (_, index) => index * step);
}

interface Style {
  readonly anchor?: "start" | "middle" | "end";
  readonly size?: number;
  readonly weight?: number;
  readonly fill?: string;
}

const text = (x: number, y: number, words: string, { anchor = "start", size = 12, weight = 400, fill = INK }: Style): string =>
  `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}" font-size="${size}" font-weight="${weight}" fill="${fill}">${escaped(words)}</text>`;

const escaped = (words: string): string => words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

const at = (coordinate: number): string => String(Math.round(coordinate * 10) / 10);

const least = (values: readonly number[]): number => values.reduce((low, value) => Math.min(low, value), Number.POSITIVE_INFINITY);

const greatest = (values: readonly number[]): number => values.reduce((high, value) => Math.max(high, value), Number.NEGATIVE_INFINITY);
