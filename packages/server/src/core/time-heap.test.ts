import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TimeHeap, type Wake } from "./time-heap.js";

describe("times at which something is looked at", () => {
  it("come in order, each as it was given last", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ owner: fc.nat(5), at: fc.nat(100) }), { maxLength: 300 }), (steps) => {
        const heap = new TimeHeap<number>();
        const wakes = new Map<number, Wake<number>>();
        for (const { owner, at } of steps) wakes.set(owner, heap.add(at, owner, wakes.get(owner)));
        const expected = [...wakes.values()].map(({ at }) => at).sort((a, b) => a - b);
        expect(heap.next).toBe(expected[0]);
        const taken: number[] = [];
        for (let what = heap.take(100); what !== undefined; what = heap.take(100)) taken.push(wakes.get(what)?.at ?? -1);
        expect(taken).toEqual(expected);
        expect(heap.size).toBe(0);
      }),
    );
  });

  it("C2: leave nothing behind where a far one is given a nearer time again and again", () => {
    const heap = new TimeHeap<string>();
    let wake = heap.add(1_000_000_000, "device");
    for (let now = 1; now <= 100_000; now++) {
      wake = heap.add(now, "device", wake);
      expect(heap.take(now)).toBe("device");
      wake = heap.add(1_000_000_000, "device");
    }
    expect(heap.size).toBeLessThan(3_000);
    expect(heap.take(1_000_000_000)).toBe("device");
    expect(heap.take(1_000_000_000)).toBeUndefined();
  });
});
