import { expect, it } from "vitest";
import { isLarger } from "./handshake-bytes.js";

/** Deeper than any recursion could go. */
function deep(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}

it("isLarger counts texts, names and depth, and stops where it knows enough", () => {
  expect(isLarger({ token: "x".repeat(1_000), user: "bob" }, 1_100)).toBe(false);
  expect(isLarger({ token: "x".repeat(1_000), user: "bob" }, 1_000)).toBe(true);
  expect(isLarger({ ["x".repeat(1_000)]: 1 }, 1_000)).toBe(true);
  expect(isLarger(Array(100_000).fill(1), 16_384)).toBe(true);
  expect(isLarger(deep(1_000_000), 16_384)).toBe(true);
  expect(isLarger(JSON.parse('{"__proto__":{"a":1}}'), 100)).toBe(false);
  for (const value of [undefined, null, 1, "", {}, []]) expect(isLarger(value, 10)).toBe(false);
});
