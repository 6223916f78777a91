import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Grants } from "./grants.js";
import { Pattern } from "./pattern.js";

describe("a pattern", () => {
  it.each([
    ["orders", "orders", true],
    ["orders", "orders.new", false],
    ["orders.*", "orders.new", true],
    ["orders.*", "orders.new.eu", true],
    ["orders.*", "orders", false],
    ["orders.*", "my.orders.new", false],
    ["*", "anything.at:all-1", true],
    ["*", "@ann", false],
    ["@*", "@ann", true],
    ["@*", "ann", false],
    ["@ann*", "@anna", true],
    ["a*b*c", "a-b-c", true],
    ["a*b*c", "abc", true],
    ["a*b*c", "acb", false],
    ["ab*ba", "aba", false],
    ["**", "x", true],
    ["*.dead", "orders.dead", true],
  ])("%s matches %s: %s", (pattern, name, expected) => {
    expect(new Pattern(pattern).matches(name)).toBe(expected);
  });

  it("matches what the same regular expression matches", () => {
    const text = (characters: string, maxLength: number): fc.Arbitrary<string> =>
      fc.string({ unit: fc.constantFrom(...characters), minLength: 1, maxLength });
    fc.assert(
      fc.property(text("ab.*", 8), text("ab.", 12), (pattern, name) => {
        const expression = new RegExp(`^${pattern.replaceAll(".", "\\.").replaceAll("*", ".*")}$`);
        expect(new Pattern(pattern).matches(name)).toBe(expression.test(name));
      }),
      { numRuns: 2_000 },
    );
  });

  it.each(["", "a b", "@", "a/b", "a".repeat(134), "ü"])("%j is none", (text) => {
    expect(Pattern.isValid(text)).toBe(false);
  });
});

describe("grants", () => {
  const queue = { kind: "queue", name: "orders" } as const;

  it("allow nothing that is not granted", () => {
    const grants = new Grants([{ publish: ["orders"] }]);
    expect(grants.allows("publish", "/", queue)).toBe(true);
    expect(grants.allows("consume", "/", queue)).toBe(false);
    expect(grants.allows("publish", "/", { kind: "queue", name: "orders2" })).toBe(false);
    expect(new Grants([]).allows("publish", "/", queue)).toBe(false);
  });

  it("hold in the namespaces that they name, each in its own", () => {
    const grants = new Grants([
      { publish: ["orders"], namespaces: ["/shop-*"] },
      { consume: ["orders"], namespaces: ["/"] },
    ]);
    expect(grants.allows("publish", "/shop-1", queue)).toBe(true);
    expect(grants.allows("publish", "/", queue)).toBe(false);
    expect(grants.allows("consume", "/", queue)).toBe(true);
    expect(grants.allows("consume", "/shop-1", queue)).toBe(false);
  });

  it("tell users from rooms of the same name", () => {
    const grants = new Grants([{ emit: ["kitchen", "@bob"] }]);
    expect(grants.allows("emit", "/", { kind: "room", name: "kitchen" })).toBe(true);
    expect(grants.allows("emit", "/", { kind: "user", name: "kitchen" })).toBe(false);
    expect(grants.allows("emit", "/", { kind: "user", name: "bob" })).toBe(true);
    expect(grants.allows("emit", "/", { kind: "room", name: "bob" })).toBe(false);
  });
});
