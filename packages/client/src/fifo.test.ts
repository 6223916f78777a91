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

test("a fifo gives what an array would give, also when thousands passed", () => {
  const fifo = new Fifo<Item>();
  let taken = 0;
  for (let number = 0; number < 10_000; number++) {
    fifo.push({ number });
    if (number % 3 > 0) expect(fifo.shift()).toEqual({ number: taken++ });
    expect(fifo.length).toBe(number + 1 - taken);
    expect(fifo.at(0)).toEqual(fifo.length > 0 ? { number: taken } : undefined);
  }
  while (fifo.length > 0) expect(fifo.shift()).toEqual({ number: taken++ });
  expect(taken).toBe(10_000);
  expect(fifo.shift()).toBeUndefined();
});

test("a fifo that held tens of thousands and was emptied keeps what comes then", () => {
  const fifo = new Fifo<Item>();
  for (let number = 0; number < 20_000; number++) fifo.push({ number });
  while (fifo.length > 0) fifo.shift();
  for (let number = 0; number < 100; number++) {
    fifo.push({ number });
    fifo.push({ number });
    expect([fifo.shift(), fifo.shift(), fifo.length]).toEqual([{ number }, { number }, 0]);
  }
});
