import { HoldfastError } from "holdfast-client/protocol";
import type { z } from "zod";

const PREVIEW_CHARACTERS_MAX = 80;
const FIELDS_SHOWN_MAX = 4;
const FIELD_CHARACTERS_MAX = 20;
/** What zod says of a union that says nothing of its own. */
const NO_FORM = "Invalid input";

/**
 * What `schema` makes of `input`, or `BAD_REQUEST` naming the first bad field, the value received and what was expected.
 *
 * @param subject what the input is, for when it is bad as a whole
 * @param show how a value is shown: `withoutText` for input that may hold secrets
 */
export function validate<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  subject: string,
  show: (value: unknown) => string = preview,
): z.output<Schema> {
  const result = schema.safeParse(input, { reportInput: true });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new HoldfastError("BAD_REQUEST", issue === undefined ? `${subject} is not valid` : describe(issue, subject, show));
}

/** Our own refinements write the whole sentence; the others are told here, all in one form. */
function describe(issue: z.core.$ZodIssue, subject: string, show: (value: unknown) => string): string {
  if (issue.code === "custom") return issue.message;
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    const key = String(issue.keys[0]);
    return `${[...path, key].join(".")} is ${show(property(issue.input, key))}, expected no such field`;
  }
  if (issue.code === "invalid_union" && issue.errors.length > 0) return describeUnion(issue, subject, show);
  // The field that says which form is meant has an unknown value: zod gives what it is a field of.
  const received = issue.code === "invalid_union" ? property(issue.input, path.at(-1) ?? "") : issue.input;
  return `${path.join(".") || subject} is ${show(received)}, expected ${expectation(issue)}`;
}

/** Of several forms: what is wrong in the only one whose fields the value has, or else the value and all of them. */
function describeUnion(issue: z.core.$ZodIssueInvalidUnion, subject: string, show: (value: unknown) => string): string {
  const near = issue.errors.filter((issues) => issues.every(({ path }) => path.length > 0));
  const [first] = near[0] ?? [];
  if (near.length === 1 && first !== undefined) return describe({ ...first, path: [...issue.path, ...first.path] }, subject, show);
  const { input } = issue;
  return `${issue.path.map(String).join(".") || subject} is ${isFields(input) ? fieldsOf(input) : show(input)}, expected ${expectation(issue)}`;
}

const isFields = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);

/** An object by the names of its fields, a few of them. */
function fieldsOf(value: object): string {
  const names = Object.keys(value);
  if (names.length === 0) return "{}";
  const shown = names.slice(0, FIELDS_SHOWN_MAX).map((name) => name.slice(0, FIELD_CHARACTERS_MAX));
  const more = names.length > FIELDS_SHOWN_MAX ? `, ..., ${names.length} fields` : "";
  return `{ ${shown.join(", ")}${more} }`;
}

const property = (input: unknown, key: string): unknown =>
  typeof input === "object" && input !== null ? Reflect.get(input, key) : undefined;

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return issue.expected === "nonoptional" ? "a value" : `${/^[aeiou]/.test(issue.expected) ? "an" : "a"} ${issue.expected}`;
    case "too_big":
      return `at most ${issue.maximum}${unit(issue.origin)}`;
    case "too_small":
      return `at least ${issue.minimum}${unit(issue.origin)}`;
    case "invalid_value":
      return issue.values.map((value) => JSON.stringify(value)).join(" or ");
    case "invalid_union":
      if (issue.errors.length === 0 || issue.message !== NO_FORM) return issue.message;
      return [...new Set(issue.errors.flatMap(([first]) => (first === undefined ? [] : [expectation(first)])))].join(" or ");
    default:
      return issue.message;
  }
}

const unit = (origin: string): string => (origin === "array" ? " items" : origin === "string" ? " characters" : "");

/** `BAD_REQUEST` unless it can be called. */
export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== "function") throw new HoldfastError("BAD_REQUEST", `${name} is ${preview(value)}, expected a function`);
}

/** Whether a text can be written as UTF-8: halves of characters all become the same sign, so different texts would become one. */
export const isUtf8 = (text: string): boolean => !/\p{Surrogate}/u.test(text);

/** A value in a few characters; never walks into it, because it may be deep or huge. */
export function preview(value: unknown): string {
  if (value === undefined) return "missing";
  if (typeof value === "string") {
    return value.length <= PREVIEW_CHARACTERS_MAX
      ? JSON.stringify(value)
      : `${JSON.stringify(value.slice(0, PREVIEW_CHARACTERS_MAX))}... (${value.length} characters)`;
  }
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  return typeof value === "object" && value !== null ? "an object" : typeof value === "function" ? "a function" : String(value);
}

/** A value that may be a secret, so that an error says enough to put it right and nothing that must not be read. */
export const withoutText = (value: unknown): string =>
  typeof value === "string" ? `a text of ${value.length} characters` : preview(value);
