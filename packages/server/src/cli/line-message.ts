import { HoldfastError, JsonText, type MessageOptions } from "holdfast-client";
import { messageOptions } from "../message.js";
import { validate } from "../validate.js";
import { oneLine } from "./one-line.js";

/** How lines become messages. */
export interface LineForm {
  /** The line is the body, not JSON. */
  readonly text: boolean;
  readonly idField: string | undefined;
  readonly keyField: string | undefined;
  /** What comes with every message. */
  readonly options: Omit<MessageOptions, "id" | "key">;
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
  const { options } = form;
  if (form.text) return { body: line, options };
  if (line.trim() === "") return undefined;
  const value = parse(line);
  const id = fieldOf(value, form.idField);
  const key = fieldOf(value, form.keyField);
  const body = checked(() => {
    validate(messageOptions, { id, key }, "message");
    return new JsonText(line.trim());
  });
  return { body, options: { ...options, id, key } };
}

/** What no server would take is a fault of the line, and found before it is sent. */
function checked<Result>(make: () => Result): Result {
  try {
    return make();
  } catch (error) {
    if (error instanceof HoldfastError) throw new BadLine(`is no message: ${oneLine(error.message)}`);
    throw error;
  }
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

/** An id or a key from a field of the body: a text, or a number as JSON writes it. */
function fieldOf(body: unknown, field: string | undefined): string | undefined {
  if (field === undefined) return undefined;
  const value: unknown = typeof body === "object" && body !== null && Object.hasOwn(body, field) ? Reflect.get(body, field) : undefined;
  if (typeof value === "string" && value !== "") return value;
  // A large integer would be another one by now, and two of them might be one.
  if (typeof value === "number" && (Number.isSafeInteger(value) || !Number.isInteger(value))) return String(value);
  throw new BadLine(`has no text or exact number in its field ${field}`);
}
