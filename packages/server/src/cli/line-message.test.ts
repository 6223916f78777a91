import { describe, expect, it } from "vitest";
import { BadLine, type LineForm, messageOf } from "./line-message.js";

const json: LineForm = { text: false, event: undefined, idField: undefined, keyField: undefined };

describe("messageOf", () => {
  it("takes a JSON value of any kind", () => {
    expect(messageOf(' {"a":[1,null]} \r', json)?.body).toEqual({ a: [1, null] });
    expect(messageOf("null", json)?.body).toBe(null);
    expect(messageOf('"text"', json)?.body).toBe("text");
  });

  it("passes over an empty line, unless lines are texts", () => {
    expect(messageOf("  ", json)).toBeUndefined();
    expect(messageOf("", { ...json, text: true })?.body).toBe("");
  });

  it("takes a text as it is", () => {
    expect(messageOf('{"a": 1} ', { ...json, text: true, event: "line" })).toEqual({ body: '{"a": 1} ', options: { event: "line" } });
  });

  it("finds id and key in the body's fields", () => {
    const form = { ...json, event: "order", idField: "id", keyField: "table" };
    expect(messageOf('{"id":"a-1","table":4}', form)?.options).toEqual({ event: "order", id: "a-1", key: "4" });
  });

  it.each(["{}", '{"id":""}', '{"id":null}', "[]", "7", "null"])("refuses %s when an id is expected", (line) => {
    expect(() => messageOf(line, { ...json, idField: "id" })).toThrow("has no text or number in its field id");
  });

  it("never takes an inherited field for an id", () => {
    expect(() => messageOf("{}", { ...json, idField: "constructor" })).toThrow(BadLine);
  });

  it.each(["12345678901234567890", '{"id":-9007199254740993}', "[1e400]"])("refuses %s, which would become another number", (line) => {
    expect(() => messageOf(line, json)).toThrow(/^has the number \S+, which would be stored as \S+; a string keeps it$/);
  });

  it.each(['{"id":"12345678901234567890 \\" 9007199254740993"}', "9007199254740992", "0.12345678901234567", "12e100"])(
    "takes %s",
    (line) => {
      expect(messageOf(line, json)?.body).toEqual(JSON.parse(line));
    },
  );

  it("says in one line what is not JSON", () => {
    expect(() => messageOf('{"a":\u001b[2J', json)).toThrow(/^is not JSON: \P{Cc}+$/u);
  });
});
