import { isUtf8 } from "node:buffer";

/** One line of the input, 1-based: its text without the line feed, or why it has none. */
export type Line =
  | { readonly number: number; readonly text: string }
  | { readonly number: number; readonly text?: never; readonly problem: string };

const LINE_FEED = 10;
const BYTE_ORDER_MARK = "\uFEFF";

/** Cuts chunks of bytes into lines. Keeps at most `lineBytesMax` of an unfinished line; a longer one becomes a problem. */
class LineSplitter {
  readonly #lineBytesMax: number;
  #number = 0;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  push(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      this.#keep(chunk.subarray(start, end));
      lines.push(this.#finish());
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
    return lines;
  }

  /** The last line, when it has no line feed. */
  end(): Line[] {
    return this.#bytes === 0 ? [] : [this.#finish()];
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return;
    this.#bytes += part.length;
    if (this.#bytes > this.#lineBytesMax) this.#parts = [];
    else this.#parts.push(part);
  }

  #finish(): Line {
    const number = ++this.#number;
    const bytes = this.#bytes;
    const [only = Buffer.alloc(0)] = this.#parts;
    const whole = this.#parts.length > 1 ? Buffer.concat(this.#parts) : only;
    this.#parts = [];
    this.#bytes = 0;
    if (bytes > this.#lineBytesMax) return { number, problem: `is ${bytes} bytes long, at most ${this.#lineBytesMax} are taken` };
    // Decoding would replace the bytes that are not UTF-8, and what is stored would not be what was given.
    if (!isUtf8(whole)) return { number, problem: "is not UTF-8" };
    const text = whole.toString("utf8");
    return { number, text: number === 1 && text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text };
  }
}

/**
 * Reads lines as the input brings them, several at a time, and no faster than the caller takes them.
 *
 * @param lineBytesMax what one line may have; the memory used does not grow past it
 */
export async function* readLines(input: AsyncIterable<Buffer>, lineBytesMax: number): AsyncGenerator<readonly Line[]> {
  const splitter = new LineSplitter(lineBytesMax);
  for await (const chunk of input) yield splitter.push(chunk);
  yield splitter.end();
}
