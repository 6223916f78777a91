import { expect, it, vi } from "vitest";
import { Arrivals } from "./arrivals.js";
import type { DueMessage } from "./due-list.js";
import { Heap } from "./heap.js";

const message = (order: number): DueMessage => ({
  ...{ list: 1, due: 0, order, sequence: order, attempts: 0, publishedAt: 0, size: 1, reason: undefined },
  ...{ expireAt: Number.POSITIVE_INFINITY, since: 0 },
});

it("C2: what arrived is let go though nobody asks for the first one", () => {
  const heaps = new Set<Heap<unknown>>();
  const push = Heap.prototype.push;
  vi.spyOn(Heap.prototype, "push").mockImplementation(function (this: Heap<unknown>, item) {
    heaps.add(this);
    push.call(this, item);
  });
  const arrivals = new Arrivals();
  for (let order = 1; order <= 10_000; order++) {
    const each = message(order);
    arrivals.add(each, new Uint8Array(1));
    expect(arrivals.take(each)).toBe(true);
  }
  const [ordered] = heaps;
  expect(ordered?.size).toBeLessThan(200);
  const last = message(10_001);
  arrivals.add(last, new Uint8Array(1));
  expect(arrivals.first).toBe(last);
});
