import fc from "fast-check";
import { expect, test } from "vitest";
import { Fifo } from "./fifo.js";

interface Item {
  readonly number: number;
}

/** Operations on a fifo and on the plain array it has to behave like. */
const operation = fc.oneof(
  { weight: 5, arbitrary: fc.constant("push" as const) },
  { weight: 4, arbitrary: fc.constant("shift" as const) },
  { weight: 1, arbitrary: fc.nat(8) },
);

test("a fifo gives what an array would give", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const fifo = new Fifo<Item>();
      const model: Item[] = [];
      operations.forEach((step, number) => {
        if (step === "push") {
          fifo.push({ number });
          model.push({ number });
        } else if (step === "shift") {
          expect(fifo.shift()).toEqual(model.shift());
        } else {
          const item = fifo.at(step);
          expect(item).toEqual(model[step]);
          if (item !== undefined) expect(fifo.remove(item, 2)).toEqual(model.splice(step, 2));
        }
        expect(fifo.length).toBe(model.length);
      });
      expect(fifo.at(-1)).toBeUndefined();
      expect(fifo.remove({ number: -1 }, 1)).toEqual([]);
      expect(fifo.clear()).toEqual(model);
      expect(fifo.length).toBe(0);
    }),
  );
});
