import type { MessageOptions } from "holdfast-client";
import { oneLine } from "./one-line.js";

/** How lines become messages. */
export interface LineForm {
  /** The line is the body, not JSON. */
  readonly text: boolean;
  readonly event: string | undefined;
  readonly idField: string | undefined;
  readonly keyField: string | undefined;
}

export interface LineMessage {
  readonly body: unknown;
  readonly options: MessageOptions;
}

/** Why a line is no message; reads on after "line 17 ". */
export class BadLine extends Error {
  override readonly name = "BadLine";
}

/** The message of a line, or undefined when the line is empty. Throws `BadLine`. */
export function messageOf(line: string, form: LineForm): LineMessage | undefined {
  if (form.text) return { body: line, options: { event: form.event } };
  if (line.trim() === "") return undefined;
  const body = parse(line);
  if (MAY_CHANGE.test(line)) checkNumbers(line);
  return { body, options: { event: form.event, id: fieldOf(body, form.idField), key: fieldOf(body, form.keyField) } };
}

const DETAIL_CHARACTERS_MAX = 120;

function parse(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new BadLine(`is not JSON: ${oneLine(detail).slice(0, DETAIL_CHARACTERS_MAX)}`);
  }
}

/** Enough digits, or an exponent large enough, that JavaScript might read another number than is written. */
const MAY_CHANGE = /\d{16}|[eE]\+?\d{3}/;
const STRINGS_AND_NUMBERS = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/** An id of 64 bits would be stored as another one, without a word. Fractions are rounded, as everywhere. */
function checkNumbers(line: string): void {
  for (const [token] of line.matchAll(STRINGS_AND_NUMBERS)) {
    if (token.startsWith('"')) continue;
    const value = Number(token);
    const whole = /^-?\d+$/.test(token);
    if (Number.isFinite(value) && (!whole || BigInt(token) === BigInt(value))) continue;
    throw new BadLine(
      `has the number ${token.slice(0, DETAIL_CHARACTERS_MAX)}, which would be stored as ${JSON.stringify(value)}; a string keeps it`,
    );
  }
}

/** An id or a key from a field of the body: a text, or a number as JSON writes it. */
function fieldOf(body: unknown, field: string | undefined): string | undefined {
  if (field === undefined) return undefined;
  const value: unknown = typeof body === "object" && body !== null && Object.hasOwn(body, field) ? Reflect.get(body, field) : undefined;
  if (typeof value === "string" && value !== "") return value;
  if (typeof value === "number") return String(value);
  throw new BadLine(`has no text or number in its field ${field}`);
}
