import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";

/** One system call. Lines of the log are moments in their order: no two calls begin or end in the same line but one that nothing interrupted. */
export interface Call {
  readonly name: string;
  /** What the file descriptor is: a path, or `socket:[...]`. */
  readonly file: string;
  /** The line in which it began. */
  readonly begun: number;
  /** The line in which it ended. */
  readonly ended: number;
  /** What it returned: bytes written, or 0. */
  readonly result: number;
  /** The bytes it was given, of all its parts. */
  readonly bytes: Buffer;
}

/** A call as it stands in the log, in one piece. */
export interface CallText {
  /** `name(arguments) = result`. */
  readonly text: string;
  readonly begun: number;
  readonly ended: number;
  /** Seconds since 1970 when it began, of a log that has times (`-ttt`); else not a number. */
  readonly at: number;
}

const UNFINISHED = "<unfinished ...>";
const RESUMED = /^<\.\.\. \w+ resumed>/;

/**
 * Reads what `strace -f -y -o FILE` wrote, call by call in the order of their ends.
 *
 * @param file where the log is; `-s` must have been large enough that no bytes were cut
 */
export async function* textsOf(file: string): AsyncGenerator<CallText> {
  const unfinished = new Map<string, CallText>();
  let line = 0;
  for await (const whole of createInterface({ input: createReadStream(file, "latin1") })) {
    line++;
    const [, thread = "", time = "", said = ""] = /^(\d+) +(\d+\.\d+ )?(.*)$/s.exec(whole) ?? [];
    const at = time === "" ? Number.NaN : Number(time);
    if (said.endsWith(UNFINISHED)) {
      unfinished.set(thread, { text: said.slice(0, -UNFINISHED.length), begun: line, ended: line, at });
      continue;
    }
    const resumed = RESUMED.exec(said);
    const before = resumed === null ? undefined : unfinished.get(thread);
    if (resumed !== null && before === undefined) continue;
    unfinished.delete(thread);
    if (before === undefined) yield { text: said, begun: line, ended: line, at };
    else yield { ...before, text: before.text + said.slice(resumed?.[0].length ?? 0), ended: line };
  }
}

/** Those calls of a log that were given a file descriptor and did not fail, in the order of their ends. */
export async function* callsOf(file: string): AsyncGenerator<Call> {
  for await (const text of textsOf(file)) {
    const call = parseCall(text);
    if (call !== undefined) yield call;
  }
}

/** `name(3<file>, ...) = 7`; undefined for signals, exits and calls that failed. */
export function parseCall({ text, begun, ended }: CallText): Call | undefined {
  const head = /^(\w+)\(\d+<([^>]*)>/.exec(text);
  const result = Number(/ = (\d+)(?:<[^>]*>)?$/.exec(text.slice(-200))?.[1] ?? Number.NaN);
  if (head === null || Number.isNaN(result)) return undefined;
  const [, name = "", file = ""] = head;
  return { name, file, begun, ended, result, bytes: quoted(text) };
}

const QUOTE = 34;
const BACKSLASH = 92;
const ESCAPES = new Map([..."tnvfr"].map((letter, index) => [letter.charCodeAt(0), [9, 10, 11, 12, 13][index] ?? 0]));

/** The bytes between quotes, of all quoted parts. */
function quoted(text: string): Buffer {
  const bytes = Buffer.alloc(text.length);
  let length = 0;
  let inside = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      if (inside && text.startsWith("...", at + 1)) throw new Error("strace cut the bytes of a call: -s is too small");
      inside = !inside;
    } else if (inside && code === BACKSLASH) {
      const { value, digits } = escaped(text, at + 1);
      bytes[length++] = value;
      at += digits;
    } else if (inside) bytes[length++] = code;
  }
  return bytes.subarray(0, length);
}

/** What follows a backslash: up to three octal digits, or one character. */
function escaped(text: string, at: number): { value: number; digits: number } {
  let value = 0;
  let digits = 0;
  for (; digits < 3; digits++) {
    const digit = text.charCodeAt(at + digits) - 48;
    if (!(digit >= 0 && digit <= 7)) break;
    value = value * 8 + digit;
  }
  if (digits > 0) return { value, digits };
  const code = text.charCodeAt(at);
  return { value: ESCAPES.get(code) ?? code, digits: 1 };
}
