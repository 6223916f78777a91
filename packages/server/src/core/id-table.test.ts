import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CONTENT_BYTES, ID_BYTES, IdTable, STORED_BYTES } from "./id-table.js";

/** Ids of which many have the same beginning, which alone makes their hash. */
function idOf(number: number): Buffer {
  const id = Buffer.alloc(ID_BYTES);
  id.writeUInt32LE(number % 7, 0);
  id.writeUInt32LE(number, ID_BYTES - 4);
  return id;
}

const contentOf = (number: number): Buffer => Buffer.alloc(CONTENT_BYTES, number % 251);

interface Entry {
  readonly id: number;
  readonly sequence: number;
  readonly at: number;
}

/** What it is to be: a list, of which the newest entry with an id counts. */
class Model {
  entries: Entry[] = [];

  find(id: number): Entry | undefined {
    return this.entries.findLast((entry) => entry.id === id);
  }

  dropThrough(time: number): void {
    const kept = this.entries.findIndex(({ at }) => at > time);
    this.entries = kept < 0 ? [] : this.entries.slice(kept);
  }
}

function expectSame(table: IdTable, model: Model, id: number): void {
  const place = table.find(idOf(id));
  const found = place === undefined ? undefined : { id, sequence: table.sequenceAt(place), at: table.storedAt(place) };
  expect(found).toEqual(model.find(id));
  if (place !== undefined)
    expect([table.hasContent(place, contentOf(id)), table.hasContent(place, contentOf(id + 1))]).toEqual([true, false]);
}

const IDS = 400;
const step = fc.oneof(
  { arbitrary: fc.record({ add: fc.nat(IDS - 1), count: fc.integer({ min: 1, max: 60 }) }), weight: 3 },
  { arbitrary: fc.record({ keep: fc.integer({ min: 0, max: 200 }) }), weight: 2 },
);

describe("the table of ids", () => {
  it("P4: finds the newest with an id until it is dropped, while it grows and shrinks", () => {
    fc.assert(
      fc.property(fc.integer(), fc.array(step, { maxLength: 60 }), (seed, steps) => {
        const table = new IdTable(seed);
        const model = new Model();
        let now = 1;
        for (const one of steps) {
          if ("add" in one) {
            for (let id = one.add; id < one.add + one.count; id++, now++) {
              table.add(idOf(id % IDS), contentOf(id % IDS), now * 3, now);
              model.entries.push({ id: id % IDS, sequence: now * 3, at: now });
            }
          } else {
            table.dropThrough(now - one.keep, 1_000);
            model.dropThrough(now - one.keep);
          }
          expect(table.size).toBe(model.entries.length);
          for (let id = 0; id < IDS; id += 3) expectSame(table, model, id);
        }
      }),
      { numRuns: 150 },
    );
  });

  it("P4: what it writes of the newest it takes back", () => {
    const [table, restored] = [new IdTable(1), new IdTable(2)];
    for (let id = 0; id < 100; id++) table.add(idOf(id), contentOf(id), id + 1, 50);
    const stored = Buffer.alloc(40 * STORED_BYTES);
    table.writeNewest(40, stored, 0);
    for (let at = 0; at < stored.length; at += STORED_BYTES) restored.restore(stored.subarray(at, at + STORED_BYTES), 60);
    const model = new Model();
    for (let id = 60; id < 100; id++) model.entries.push({ id, sequence: id + 1, at: 60 });
    for (let id = 0; id < 100; id++) expectSame(restored, model, id);
  });

  it("C2: drops some of many at a time, and all at once", () => {
    const table = new IdTable(1);
    for (let id = 0; id < 1_000; id++) table.add(idOf(id), contentOf(id), id, id);
    table.dropThrough(998, 100);
    expect([table.size, table.find(idOf(99)), table.find(idOf(100)) !== undefined]).toEqual([900, undefined, true]);
    table.dropThrough(999, 1);
    expect(table.size).toBe(0);
  });

  it("C2: with nothing left it takes nothing", () => {
    const table = new IdTable(1);
    expect(table.find(idOf(1))).toBeUndefined();
    table.add(idOf(1), contentOf(1), 1, 1);
    table.dropThrough(1, 1);
    expect([table.size, table.find(idOf(1))]).toEqual([0, undefined]);
    table.add(idOf(2), contentOf(2), 2, 2);
    expect(table.find(idOf(2))).toBeDefined();
  });
});
