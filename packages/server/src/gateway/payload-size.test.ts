import { HoldfastError } from "holdfast-client/protocol";
import { describe, expect, it } from "vitest";
import type { Operation } from "./events.js";
import { assertPayloadSize, bytesAtLeast } from "./payload-size.js";

const ENOUGH = 2_097_152;
const BODY_MAX = 262_144;

describe("the least that a value takes", () => {
  it.each([
    ["a text", "hello"],
    ["numbers and nothing", [1, null, true, 12_345]],
    ["an object in an array in an object", { a: [{ b: "c" }], d: {} }],
    ["what is escaped", "\u0001\u0002é"],
    ["nothing in it", []],
  ])("is no more than its JSON: %s", (_name, value) => {
    const bytes = bytesAtLeast(value, ENOUGH);
    expect(bytes).toBeLessThanOrEqual(Buffer.byteLength(JSON.stringify(value)));
    expect(bytes).toBeGreaterThan(0);
  });

  it("is all of what texts and buffers are made of", () => {
    expect(bytesAtLeast({ headers: { a: "x".repeat(1_000) } }, ENOUGH)).toBe(JSON.stringify({ headers: { a: "x".repeat(1_000) } }).length);
    for (const buffer of [Buffer.alloc(5_000), new ArrayBuffer(5_000)]) expect(bytesAtLeast(buffer, ENOUGH)).toBe(5_000);
  });

  it("is counted no further than asked for, and no deeper than anything is taken", () => {
    let looks = 0;
    const items = Array.from({ length: 100_000 }, () => ({
      get a() {
        return ++looks;
      },
    }));
    expect(bytesAtLeast(items, 1_000)).toBeLessThan(1_020);
    expect(looks).toBeLessThan(200);
    let deep: unknown = "x".repeat(100);
    for (let depth = 0; depth < 100_000; depth++) deep = [deep];
    expect(bytesAtLeast(deep, ENOUGH)).toBeLessThan(200);
  });
});

describe("what is surely too large is refused at once", () => {
  const refusal = (operation: Operation, payload: object): string | undefined => {
    try {
      assertPayloadSize(operation, payload, bytesAtLeast(payload, ENOUGH), BODY_MAX);
      return undefined;
    } catch (error) {
      expect(error).toMatchObject({ code: "TOO_LARGE", retryable: false });
      return error instanceof HoldfastError ? error.message : String(error);
    }
  };
  const large = "x".repeat(BODY_MAX - 1);

  it.each([
    ["holdfast:publish", { queue: "q", body: large }, "body takes 262145 bytes or more, at most 262144 are allowed"],
    ["holdfast:publish", { queue: "q", messages: [{ body: 1 }, { body: large }] }, "messages.1.body takes 262145 bytes or more"],
    ["holdfast:publish", { messages: new Array(466_666).fill({}) }, "messages has 466666 items, at most 1000 are allowed"],
    ["holdfast:publish", { queue: "q", body: 1, headers: { a: "x".repeat(8_192) } }, "headers take 8200 bytes or more, at most 8192"],
    ["holdfast:emit", { room: "r", event: "e", args: new Array(200_000).fill(0) }, "args take 262145 bytes or more"],
    ["holdfast:schedule", { queue: "q", message: { body: large } }, "message.body takes 262145 bytes or more"],
    ["holdfast:stats", { queue: new Array(466_666).fill({}) }, "the payload takes 933343 bytes or more, at most 327680 are allowed"],
  ] as const)("%s: %#", (operation, payload, message) => {
    expect(refusal(operation, payload)).toContain(message);
  });

  it.each([
    ["holdfast:publish", { queue: "q", body: "x".repeat(BODY_MAX - 100), headers: { a: "x".repeat(8_180) } }],
    ["holdfast:publish", { queue: "q", messages: new Array(1_000).fill({ body: "x".repeat(1_000) }) }],
    ["holdfast:settle", { consumer: "c", settlements: new Array(10_000).fill({ token: "x".repeat(40), nack: { reason: "y" } }) }],
    ["holdfast:stats", { queue: "q" }],
  ] as const)("and nothing else: %s %#", (operation, payload) => {
    expect(refusal(operation, payload)).toBeUndefined();
  });
});
