import { expect, it } from "vitest";
import { Chain } from "./chain.js";
import { ChainTable } from "./chain-table.js";

const keysOf = (table: ChainTable): string[] => [...table.values()].map(({ key }) => key).sort();

it("finds what came and was not taken out, while it grows and shrinks, as a Map does", () => {
  const table = new ChainTable(0x9e37_79b1);
  const expected = new Map<string, Chain>();
  let state = 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  for (let round = 0; round < 20_000; round++) {
    // Grows for the first half, shrinks for the second.
    const key = `key-${random(3_000)}`;
    const known = expected.get(key);
    expect(table.get(key)).toBe(known);
    if (known === undefined && round < 10_000) {
      const chain = new Chain(key);
      table.add(chain);
      expected.set(key, chain);
    } else if (known !== undefined && (round >= 10_000 || random(4) === 0)) {
      table.delete(known);
      expected.delete(key);
    }
  }
  expect(keysOf(table)).toEqual([...expected.keys()].sort());
  for (const [key, chain] of expected) expect(table.get(key)).toBe(chain);
});

it("takes names of the language for keys like any other", () => {
  const table = new ChainTable(0);
  for (const key of ["__proto__", "constructor", "", "é"]) table.add(new Chain(key));
  for (const key of ["__proto__", "constructor", "", "é"]) expect(table.get(key)?.key).toBe(key);
  expect(table.get("toString")).toBeUndefined();
});

it("does nothing when asked to take out a chain that is not there", () => {
  const table = new ChainTable(7);
  const chain = new Chain("orders");
  table.add(chain);
  table.delete(new Chain("orders"));
  expect(table.get("orders")).toBe(chain);
  table.delete(chain);
  table.delete(chain);
  expect(keysOf(table)).toEqual([]);
});
