import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytewise } from "#platform";
import { ByteWriter } from "./bytes.js";
import { checkRecord, type RecordFields, writeRecord } from "./record.js";
import { RecordView } from "./record-view.js";

/** Packs one message behind some other bytes, as it lies in a frame. */
function packed(fields: RecordFields, body: unknown): { view: RecordView; bytes: Uint8Array } {
  const writer = new ByteWriter(8);
  writer.u8(255);
  const size = writeRecord(writer, fields, body);
  const bytes = writer.take();
  expect(checkRecord(new DataView(bytes.buffer), 1, bytes.length)).toBe(size);
  return { view: new RecordView(bytes, 1, 1 + size), bytes };
}

const roundTrip = (body: unknown): unknown => packed({ id: "i" }, body).view.body();

const text = fc.string({ minLength: 1, maxLength: 40, unit: "binary" });

describe("records", () => {
  test("give back the fields they were written with", () => {
    const fields = fc.record(
      {
        id: text,
        chosenId: fc.boolean(),
        event: text,
        key: text,
        headers: fc.dictionary(text, text),
        replyTo: text,
        correlationId: text,
        priority: fc.integer({ min: 0, max: 9 }),
        history: text,
        delayMs: fc.nat({ max: 31_536_000_000 }),
        ttlMs: fc.nat({ max: 31_536_000_000 }),
      },
      { requiredKeys: ["id", "chosenId"] },
    );
    fc.assert(
      fc.property(fields, (given) => {
        const { view } = packed(given, 1);
        const { id, chosenId, event, key, headers, replyTo, correlationId, priority, historyText: history } = view;
        const { headers: givenHeaders, delayMs = 0, ttlMs, ...rest } = given;
        expect({ id, chosenId, event, key, replyTo, correlationId, priority, history }).toEqual({ priority: 0, ...rest });
        expect(headers).toEqual(givenHeaders);
        expect(view.timing).toEqual(delayMs === 0 && ttlMs === undefined ? undefined : { delayMs, ttlMs });
        expect(view.body()).toBe(1);
      }),
    );
  });

  test("give back any JSON value, decoded alone or with its frame", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (body) => {
        const { view, bytes } = packed({ id: "i" }, body);
        const expected = JSON.parse(JSON.stringify(body)) as unknown;
        expect(view.body()).toEqual(expected);
        expect(view.body(bytewise(bytes))).toEqual(expected);
        expect(view.body(undefined)).toEqual(expected);
      }),
    );
  });

  test("give back buffers where they were, as bytes of their own", () => {
    const body = {
      "": [{ a: new Uint8Array([1, 2]) }, "b", new Uint8Array()],
      c: { "0": new Uint8Array([3]) },
      ["__proto__"]: 4,
      d: undefined,
    };
    expect(roundTrip(body)).toEqual({
      "": [{ a: new Uint8Array([1, 2]) }, "b", new Uint8Array()],
      c: { "0": new Uint8Array([3]) },
      ["__proto__"]: 4,
    });
    const shared = { x: new Uint8Array([5]) };
    expect(roundTrip([shared, shared])).toEqual([shared, shared]);
    expect(roundTrip(Buffer.from("node"))).toEqual(new TextEncoder().encode("node"));
    expect(roundTrip({ node: Buffer.from("n"), view: new DataView(new ArrayBuffer(1)), plain: new ArrayBuffer(2) })).toEqual({
      node: new TextEncoder().encode("n"),
      view: new Uint8Array(1),
      plain: new Uint8Array(2),
    });
    const { view, bytes } = packed({ id: "i" }, new Uint8Array([7]));
    const read = view.body() as Uint8Array;
    bytes.fill(0);
    expect(read).toEqual(new Uint8Array([7]));
  });

  test("write what JSON makes of dates and of objects with toJSON", () => {
    const date = new Date(0);
    expect(roundTrip({ date, own: { toJSON: () => "mine" } })).toEqual({ date: date.toJSON(), own: "mine" });
    expect(roundTrip({ date, photo: new Uint8Array([1]) })).toEqual({ date: date.toJSON(), photo: new Uint8Array([1]) });
  });

  test("have the priority in bits 2 to 5 of the traits; above 9, or with the bits above set, they are malformed", () => {
    const { bytes } = packed({ id: "i", chosenId: true, priority: 9 }, "cod");
    const traitsAt = 1 + 6;
    expect(bytes[traitsAt]).toBe(1 | 2 | (9 << 2));
    const check = (traits: number): number => {
      bytes[traitsAt] = traits;
      return checkRecord(new DataView(bytes.buffer), 1, bytes.length);
    };
    expect(check(9 << 2)).toBe(bytes.length - 1);
    expect(() => check(10 << 2)).toThrow("priority 10, expected 0 to 9");
    expect(() => check(1 << 6)).toThrow("reserved bits");
    expect(() => check(1 << 7)).toThrow("reserved bits");
  });

  test("refuse what is no JSON, too deep, or has too many buffers", () => {
    const deep = (depth: number): unknown => (depth === 0 ? 1 : [deep(depth - 1)]);
    expect(roundTrip(deep(32))).toEqual(deep(32));
    expect(() => roundTrip(deep(33))).toThrow(/deeper than 32/);
    expect(() => roundTrip(() => 1)).toThrow(/body is \(\) => 1, expected JSON or bytes/);
    expect(() => roundTrip({ big: 1n })).toThrow(/BigInt/);
    const buffers = (count: number): Uint8Array[] => Array.from({ length: count }, () => new Uint8Array(1));
    expect(roundTrip(buffers(10))).toEqual(buffers(10));
    expect(() => roundTrip(buffers(11))).toThrow(/more than 10 buffers/);
  });

  test("with buffers that lead nowhere are refused, not guessed at", () => {
    const good = packed({ id: "i" }, { a: new Uint8Array([1]) });
    const [from, to] = [new TextEncoder().encode('[["a"]]'), new TextEncoder().encode('[["b"]]')];
    const at = good.bytes.findIndex((_, index) => from.every((byte, offset) => good.bytes[index + offset] === byte));
    good.bytes.set(to, at);
    expect(() => good.view.body()).toThrow(/malformed frame/);
  });
});
