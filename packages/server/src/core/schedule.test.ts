import { ByteWriter, RecordView, writeRecord } from "holdfast-client/protocol";
import { describe, expect, it } from "vitest";
import { digestOf, occurrenceId, withId } from "./schedule.js";

function record(id: string, body: unknown = { item: "cod" }): Uint8Array {
  const writer = new ByteWriter();
  writeRecord(writer, { id, chosenId: true, event: "e", key: "k", headers: { a: "b" }, replyTo: "r", correlationId: "c" }, body);
  return writer.take();
}

describe("withId", () => {
  it.each(["", "x", "tick@2025-03-30T01:00:00.000Z", "é".repeat(64)])("gives the id %j and keeps the rest", (id) => {
    const changed = withId(record("order-17"), id);
    const view = new RecordView(changed, 0, changed.length);
    const { id: given, chosenId, event, key, headers, replyTo, correlationId } = view;
    expect({ given, chosenId, event, key, headers, replyTo, correlationId, body: view.body() }).toEqual({
      given: id,
      chosenId: false,
      event: "e",
      key: "k",
      headers: { a: "b" },
      replyTo: "r",
      correlationId: "c",
      body: { item: "cod" },
    });
  });

  it("takes bytes as they are", () => {
    const changed = withId(record("a", Uint8Array.of(0, 255, 1)), "longer");
    expect(new RecordView(changed, 0, changed.length).body()).toEqual(Uint8Array.of(0, 255, 1));
  });
});

it("a digest says whether messages are the same, whatever their ids", () => {
  expect(digestOf(record("a"))).toBe(digestOf(record("another")));
  expect(digestOf(record("a"))).not.toBe(digestOf(record("a", { item: "eel" })));
});

it("ids of occurrences are within the limit, one for each name and time, and of one length per name", () => {
  expect(occurrenceId("nightly", Date.UTC(2025, 2, 30, 1))).toBe("nightly@2025-03-30T01:00:00.000Z");
  const names = [103, 104, 127, 128].flatMap((length) => ["a", "b"].map((end) => "x".repeat(length - 1) + end));
  const ids = names.flatMap((name) => [occurrenceId(name, 0), occurrenceId(name, 1_000)]);
  expect(new Set(ids).size).toBe(ids.length);
  expect(Math.max(...ids.map((id) => id.length))).toBe(128);
});
