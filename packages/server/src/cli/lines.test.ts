import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Line, readLines } from "./lines.js";

async function* chunks(parts: readonly Uint8Array[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield Buffer.from(part);
}

async function linesOf(parts: readonly Uint8Array[], lineBytesMax = 1_000): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const some of readLines(chunks(parts), lineBytesMax)) lines.push(...some);
  return lines;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("readLines", () => {
  it("gives the same lines however the input is cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\n", " ").replaceAll("\uFEFF", "")),
          { minLength: 1 },
        ),
        fc.array(fc.nat({ max: 7 })),
        async (texts, sizes) => {
          const whole = bytes(texts.map((text) => `${text}\n`).join(""));
          const parts: Uint8Array[] = [];
          let at = 0;
          for (const size of sizes) {
            parts.push(whole.subarray(at, at + size));
            at = Math.min(whole.length, at + size);
          }
          parts.push(whole.subarray(at));
          expect(await linesOf(parts)).toEqual(texts.map((text, index) => ({ number: index + 1, text })));
        },
      ),
    );
  });

  it("takes a last line without a line feed, and none from an empty input", async () => {
    expect(await linesOf([bytes("a\nb")])).toEqual([
      { number: 1, text: "a" },
      { number: 2, text: "b" },
    ]);
    expect(await linesOf([])).toEqual([]);
  });

  it("drops a byte order mark at the start only", async () => {
    expect(await linesOf([bytes("\uFEFF1\n\uFEFF2\n")])).toEqual([
      { number: 1, text: "1" },
      { number: 2, text: "\uFEFF2" },
    ]);
  });

  it("names a line that is too long, and reads on", async () => {
    const [first, second] = await linesOf([bytes("x".repeat(8)), bytes("x".repeat(8)), bytes("\nok\n")], 10);
    expect(first).toEqual({ number: 1, problem: "is 16 bytes long, at most 10 are taken" });
    expect(second).toEqual({ number: 2, text: "ok" });
  });

  it("names a line that is not UTF-8, and reads on", async () => {
    expect(await linesOf([Uint8Array.of(0x61, 0xff, 0x0a, 0x62)])).toEqual([
      { number: 1, problem: "is not UTF-8" },
      { number: 2, text: "b" },
    ]);
  });
});
