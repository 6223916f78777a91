import fc from "fast-check";
import { expect, test } from "vitest";
import { NumberedMap } from "./numbered-map.js";

type Step = readonly ["set" | "delete", number] | readonly ["clear" | "takeAll"];

const key = fc.oneof(
  fc.nat(40),
  fc.nat(5000),
  fc.nat(30).map((power) => 2 ** power),
  fc.maxSafeNat(),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.tuple(fc.constantFrom("set" as const, "delete" as const), key), weight: 50 },
  { arbitrary: fc.tuple(fc.constantFrom("clear" as const, "takeAll" as const)), weight: 1 },
);

test("is what a Map is", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const numbered = new NumberedMap<{ readonly step: number }>();
      const map = new Map<number, { readonly step: number }>();
      for (const [at, [kind, number = 0]] of steps.entries()) {
        if (kind === "set") {
          const value = { step: at };
          numbered.set(number, value);
          map.set(number, value);
        } else if (kind === "delete") {
          expect(numbered.delete(number)).toBe(map.delete(number));
        } else {
          if (kind === "takeAll") expect(numbered.takeAll()).toEqual([...map.values()]);
          else numbered.clear();
          map.clear();
        }
        expect(numbered.size).toBe(map.size);
        expect(numbered.get(number)).toBe(map.get(number));
        expect(numbered.has(number)).toBe(map.has(number));
        expect(numbered.first).toBe(map.values().next().value);
      }
      expect([...numbered.keys()]).toEqual([...map.keys()]);
      expect([...numbered.values()]).toEqual([...map.values()]);
      for (const known of map.keys()) expect(numbered.get(known)).toBe(map.get(known));
    }),
  );
});

test("goes on for ever with a few at a time, also when an old one stays", () => {
  const numbered = new NumberedMap<{ readonly number: number }>();
  const of = (number: number): { readonly number: number } => ({ number });
  for (let number = 1; number <= 100_000; number++) {
    numbered.set(number, of(number));
    if (number > 100) expect(numbered.delete(number === 500 ? 0 : number - 100)).toBe(number !== 500);
  }
  expect([numbered.size, numbered.first?.number]).toEqual([101, 400]);
  expect([...numbered.keys()].at(-1)).toBe(100_000);
});

test("what is deleted while it is read does not come, and the rest does", () => {
  const numbered = new NumberedMap<{ readonly number: number }>();
  for (let number = 0; number < 10; number++) numbered.set(number, { number });
  const seen: number[] = [];
  for (const { number } of numbered.values()) {
    seen.push(number);
    numbered.delete(number);
    numbered.delete(number + 1);
  }
  expect(seen).toEqual([0, 2, 4, 6, 8]);
});
