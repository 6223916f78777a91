import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { LineWriter } from "./line-writer.js";
import { cutLines, writeList } from "./list.js";
import { namedPagesOf } from "./pages.js";

const COLUMNS = { head: ["name", "note"], textFrom: 1, nothing: "no names", cellsOf: (name: string) => [name, `of ${name}`] };

/** What a list of three, in pages of one, is written as, and whether it was cut. */
async function written(flags: { readonly json?: true; readonly limit?: number }, names = ["a", "b\x1b", "c"]): Promise<[string, boolean]> {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  const asked: unknown[] = [];
  const pages = namedPagesOf((page: { readonly after?: string; readonly limit: number }) => {
    asked.push(page.after);
    const at = page.after === undefined ? 0 : names.indexOf(page.after) + 1;
    return Promise.resolve({ items: names.slice(at, at + 1), next: at + 1 < names.length ? names[at] : undefined });
  });
  const isCut = await writeList(new LineWriter(stream, () => undefined), pages, COLUMNS, flags);
  return [chunks.join(""), isCut];
}

describe("a list", () => {
  it("is a table without control characters, or objects", async () => {
    expect(await written({})).toEqual(["name   note\na      of a\nb\\x1b  of b\\x1b\nc      of c\n", false]);
    expect(await written({ json: true })).toEqual(['"a"\n"b\\u001b"\n"c"\n', false]);
    expect(await written({}, [])).toEqual(["no names\n", false]);
    expect(await written({ json: true }, [])).toEqual(["", false]);
  });

  it("has no more than its limit, and tells whether there is more", async () => {
    expect(await written({ limit: 2, json: true })).toEqual(['"a"\n"b\\u001b"\n', true]);
    expect(await written({ limit: 3, json: true })).toEqual(['"a"\n"b\\u001b"\n"c"\n', false]);
  });

  it("is cut to the width of a terminal, but not to less than could tell something", () => {
    const line = "x".repeat(100);
    expect(cutLines(`short\n${line}`, 90)).toBe(`short\n${"x".repeat(89)}…`);
    expect(cutLines(line, 10)).toBe(`${"x".repeat(79)}…`);
    expect(cutLines(line, 100)).toBe(line);
  });
});
