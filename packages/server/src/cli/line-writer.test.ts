import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { LineWriter } from "./line-writer.js";

/** An output that takes a write only when the test lets it. */
class Gate extends Writable {
  readonly taken: string[] = [];
  readonly #waiting: ((error?: Error) => void)[] = [];
  #reached: () => void = () => undefined;

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.taken.push(chunk.toString("utf8"));
    this.#waiting.push(done);
    this.#reached();
  }

  async next(error?: Error): Promise<void> {
    if (this.#waiting.length === 0) {
      await new Promise<void>((resolve) => {
        this.#reached = resolve;
      });
    }
    this.#waiting.shift()?.(error);
  }
}

const unbroken = (error: Error): void => {
  throw error;
};

describe("LineWriter", () => {
  it("resolves a line only once the output took it, and joins the lines of a turn", async () => {
    const gate = new Gate();
    const writer = new LineWriter(gate, unbroken);
    const done: string[] = [];
    const writes = ["a", "b"].map((line) => writer.write(line).then(() => done.push(line)));
    expect(done).toEqual([]);
    await gate.next();
    await Promise.all(writes);
    expect(gate.taken).toEqual(["a\nb\n"]);
    expect(done).toEqual(["a", "b"]);
  });

  it("keeps one write under way; what comes meanwhile goes with the next", async () => {
    const gate = new Gate();
    const writer = new LineWriter(gate, unbroken);
    const first = writer.write("a");
    await new Promise((resolve) => setImmediate(resolve));
    const second = writer.write("b");
    const third = writer.write("c");
    expect(gate.taken).toEqual(["a\n"]);
    await gate.next();
    await first;
    await gate.next();
    await Promise.all([second, third]);
    expect(gate.taken).toEqual(["a\n", "b\nc\n"]);
  });

  it("rejects what was not written once the output is broken, and tells once", async () => {
    const gate = new Gate();
    const broken: string[] = [];
    const writer = new LineWriter(gate, (error) => broken.push(error.message));
    const first = writer.write("a");
    await gate.next(new Error("EPIPE"));
    await expect(first).rejects.toThrow("EPIPE");
    await expect(writer.write("b")).rejects.toThrow("EPIPE");
    expect(broken).toEqual(["EPIPE"]);
  });
});
