import type { HistoryEvent, Token } from "./history.js";

const WIDTH = 16;

/** A history for people: a line per event, with its time since the first one. */
export function* linesOf(history: readonly HistoryEvent[]): Generator<string> {
  const start = history[0]?.at ?? 0;
  for (const { index, at, type, ...fields } of history) {
    const said = Object.entries(fields).map(([name, value]) => `${name}=${wordOf(value)}`);
    yield `${String(index).padStart(6)} ${`+${at - start}`.padStart(10)} ms  ${type.padEnd(WIDTH)} ${said.join(" ")}`;
  }
}

function wordOf(value: unknown): string {
  if (isToken(value)) return `${value.life}/${value.number}`;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

const isToken = (value: unknown): value is Token => typeof value === "object" && value !== null && "life" in value && "number" in value;
