import type { DeadLetterHistory, Delivery } from "holdfast-client";
import { describe, expect, it } from "vitest";
import { lineOf } from "./line-of.js";

const settle = (): Promise<void> => Promise.resolve();

function delivery(body: unknown, bodyText?: string): Delivery {
  return {
    id: "a",
    queue: "orders",
    sequence: 7,
    attempt: 2,
    body,
    bodyText,
    event: undefined,
    key: "table-4",
    headers: { trace: "x" },
    replyTo: undefined,
    correlationId: "7",
    priority: 0,
    history: undefined,
    publishedAt: 1,
    leaseUntil: 2,
    ack: settle,
    nack: settle,
    reject: settle,
    release: settle,
    extend: settle,
  };
}

describe("lineOf", () => {
  it.each(["null", '"a\\nb"', '{"a":[1,2.5,true,null]}', "[]", '{"":{"":1}}'])("writes %s as it is", (json) => {
    expect(lineOf(delivery(JSON.parse(json)), false)).toBe(json);
  });

  it("writes JSON byte for byte, in one line", () => {
    expect(lineOf(delivery({ a: 1 }, '{"a": 1.0,\r\n "b":12345678901234567890}'), false)).toBe('{"a": 1.0,  "b":12345678901234567890}');
  });

  it("writes bytes as base64, wherever they are", () => {
    expect(lineOf(delivery(Uint8Array.of(1, 2, 3)), false)).toBe('{"$base64":"AQID"}');
    expect(lineOf(delivery({ file: Buffer.from("hi"), list: [Uint8Array.of(255)] }), false)).toBe(
      '{"file":{"$base64":"aGk="},"list":[{"$base64":"/w=="}]}',
    );
  });

  it("adds what is known of the message on request", () => {
    expect(JSON.parse(lineOf(delivery({ item: "cod" }), true))).toEqual({
      id: "a",
      sequence: 7,
      attempt: 2,
      publishedAt: 1,
      key: "table-4",
      headers: { trace: "x" },
      correlationId: "7",
      body: { item: "cod" },
    });
    const urgent = { ...delivery(1), priority: 9 };
    expect(JSON.parse(lineOf(urgent, true))).toMatchObject({ priority: 9 });
    const at = { publishedAt: 1, deadAt: 2 };
    const history: DeadLetterHistory = { namespace: "/", queue: "orders", sequence: 3, reason: "attempts", attempts: 5, ...at };
    expect(JSON.parse(lineOf({ ...delivery(1), history }, true))).toMatchObject({ history });
  });
});
