import { describe, expect, it } from "vitest";
import { turn } from "./engines/conformance/manual-clock.js";
import { effortOf, type Sharer, TurnShares } from "./turn-shares.js";

const sharer = (): Sharer => ({ turn: 0, spent: 0 });

describe("TurnShares", () => {
  it("lets one that had its share go on in the next turn, and others meanwhile", async () => {
    const wentOn: Sharer[] = [];
    const shares = new TurnShares<Sharer>(10, (one) => wentOn.push(one));
    const [busy, quiet] = [sharer(), sharer()];
    expect(shares.mayGoOn(busy)).toBe(true);
    shares.spend(busy, 9);
    expect(shares.mayGoOn(busy)).toBe(true);
    shares.spend(busy, 9);
    expect(shares.mayGoOn(busy)).toBe(false);
    expect(shares.mayGoOn(quiet)).toBe(true);
    expect(wentOn).toEqual([]);
    await turn();
    expect(wentOn).toEqual([busy]);
    expect(shares.mayGoOn(busy)).toBe(true);
  });

  it("counts each turn anew", async () => {
    const shares = new TurnShares<Sharer>(10, () => undefined);
    const one = sharer();
    for (let round = 0; round < 3; round++) {
      shares.spend(one, 9);
      expect(shares.mayGoOn(one)).toBe(true);
      await turn();
    }
  });

  it("lets nobody go on once it is stopped", async () => {
    const wentOn: Sharer[] = [];
    const shares = new TurnShares<Sharer>(1, (one) => wentOn.push(one));
    const one = sharer();
    shares.spend(one, 1);
    shares.mayGoOn(one);
    shares.stop();
    await turn();
    expect(wentOn).toEqual([]);
  });

  it("counts messages by what their sink needs for one, and bytes", () => {
    expect(effortOf(10, 0, 1)).toBe(10);
    expect(effortOf(10, 5_120, 32)).toBe(330);
  });
});
