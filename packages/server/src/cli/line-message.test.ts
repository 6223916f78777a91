import { JsonText } from "holdfast-client";
import { describe, expect, it } from "vitest";
import { BadLine, type LineForm, messageOf } from "./line-message.js";

const json: LineForm = { text: false, idField: undefined, keyField: undefined, options: {} };

describe("messageOf", () => {
  it("gives every line what the command says of each message", () => {
    const options = { event: "order", priority: 3, headers: { trace: "1" }, replyTo: "answers", delayMs: 1_000, ttlMs: 0 };
    for (const text of [true, false]) expect(messageOf("17", { ...json, text, options })?.options).toMatchObject(options);
  });

  it("takes a JSON value of any kind", () => {
    expect(messageOf(' {"a":[1,null]} \r', json)?.body).toEqual(new JsonText('{"a":[1,null]}'));
    expect(messageOf("null", json)?.body).toEqual(new JsonText("null"));
    expect(messageOf('"text"', json)?.body).toEqual(new JsonText('"text"'));
  });

  it("passes over an empty line, unless lines are texts", () => {
    expect(messageOf("  ", json)).toBeUndefined();
    expect(messageOf("", { ...json, text: true })?.body).toBe("");
  });

  it("takes a text as it is", () => {
    const form = { ...json, text: true, options: { event: "line" } };
    expect(messageOf('{"a": 1} ', form)).toEqual({ body: '{"a": 1} ', options: { event: "line" } });
  });

  it("finds id and key in the body's fields", () => {
    const form = { ...json, options: { event: "order" }, idField: "id", keyField: "table" };
    expect(messageOf('{"id":"a-1","table":4}', form)?.options).toEqual({ event: "order", id: "a-1", key: "4" });
  });

  it.each(["{}", '{"id":""}', '{"id":null}', "[]", "7", "null"])("refuses %s when an id is expected", (line) => {
    expect(() => messageOf(line, { ...json, idField: "id" })).toThrow("has no text or exact number in its field id");
  });

  it("never takes an inherited field for an id", () => {
    expect(() => messageOf("{}", { ...json, idField: "constructor" })).toThrow(BadLine);
  });

  it.each(['{"id":12345678901234567890}', "1.0", " [1e400 ,\t0.10]\r"])("takes %s byte for byte", (line) => {
    expect(messageOf(line, json)?.body).toEqual(new JsonText(line.trim()));
  });

  it("refuses an id that JavaScript would read as another number", () => {
    expect(() => messageOf('{"id":12345678901234567890}', { ...json, idField: "id" })).toThrow(BadLine);
  });

  it.each([
    [`${"[".repeat(33)}${"]".repeat(33)}`, "is no message: body is deeper than 32"],
    [`{"id":"${"x".repeat(129)}"}`, "expected 1 to 128 bytes"],
    ['{"id":"a","key":"\\ud800"}', "is no message: key is"],
  ])("refuses %s, which no server takes", (line, message) => {
    const form = { ...json, ...(line.includes("id") && { idField: "id" }), ...(line.includes("key") && { keyField: "key" }) };
    expect(() => messageOf(line, form)).toThrow(BadLine);
    expect(() => messageOf(line, form)).toThrow(message);
  });

  it("says in one line what is not JSON", () => {
    expect(() => messageOf('{"a":\u001b[2J', json)).toThrow(/^is not JSON: \P{Cc}+$/u);
  });
});
