import { RecordView } from "holdfast-client/protocol";
import { expect } from "vitest";
import type { Harness } from "./harness.js";
import { Phone, RoomsOf } from "./phone.js";
import type { Suite } from "./suite.js";

const ALL = 0xffff_ffff_ffff;

/** The sequences of a page, with its `next`. */
async function page(h: Harness, user: string, before: number, limit: number): Promise<[number[], number | undefined]> {
  const { items, next } = await h.engine.history({ namespace: "/", room: "a" }, user, before, limit);
  return [items.map(({ sequence }) => sequence), next];
}

/** All pages of that size, one after the other. */
async function walk(h: Harness, user: string, limit: number): Promise<number[]> {
  const seen: number[] = [];
  for (let before: number | undefined = ALL; before !== undefined; ) {
    const [sequences, next]: [number[], number | undefined] = await page(h, user, before, limit);
    expect(sequences.length).toBeLessThanOrEqual(limit);
    seen.push(...sequences);
    before = next;
  }
  return seen;
}

/** S1: what a member reads of what was emitted before. */
export function testRoomsHistory(suite: Suite): void {
  suite.topic("rooms: history", () => {
    suite.case("S1: goes backwards in pages, whatever blocks the messages are in, and also to before the member came", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      await rooms.emit("a", 1, 2, 3);
      await rooms.emit("a", 4);
      await rooms.emit("a", 5, 6, 7, 8, 9);
      await rooms.add("a", "bob");
      await rooms.emit("a", 10);
      const expected = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1];
      for (const limit of [1, 2, 3, 4, 10, 1_000]) {
        expect(await walk(h, "anna", limit)).toEqual(expected);
        expect(await walk(h, "bob", limit)).toEqual(expected);
      }
      expect(await page(h, "bob", 6, 2)).toEqual([[5, 4], 4]);
      expect((await page(h, "bob", 1, 2))[0]).toEqual([]);
      const { items } = await h.engine.history(rooms.address("a"), "bob", 3, 1);
      const [item] = items;
      const record = item?.record ?? new Uint8Array();
      expect(new RecordView(record, 0, record.length).body()).toBe(2);
      expect(item?.publishedAt).toBe(h.clock.now());
    });

    suite.case("S3: settles nothing and moves no cursor", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      await rooms.emit("a", 1, 2);
      expect(await walk(h, "anna", 10)).toEqual([2, 1]);
      expect(await rooms.ledger("a", 1)).toEqual({ anna: "pending" });
      const phone = await Phone.attach(h, "anna");
      expect((await phone.take(2)).map(({ sequence }) => sequence)).toEqual([1, 2]);
    });

    suite.case("S1: is for members, and shows nothing that the member was excepted from", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna", "bob");
      await rooms.emit("a", 1);
      await rooms.emitTo(["a"], [{ user: "bob" }], 2, 3);
      await rooms.emit("a", 4);
      expect(await walk(h, "anna", 2)).toEqual([4, 3, 2, 1]);
      expect(await walk(h, "bob", 2)).toEqual([4, 1]);
      await expect(h.engine.history(rooms.address("a"), "eve", ALL, 10)).rejects.toMatchObject({ code: "FORBIDDEN" });
      await expect(h.engine.history(rooms.address("b"), "bob", ALL, 10)).rejects.toMatchObject({ code: "NOT_FOUND" });
      await h.engine.removeMember(rooms.address("a"), { user: "bob" });
      await expect(h.engine.history(rooms.address("a"), "bob", ALL, 10)).rejects.toMatchObject({ code: "FORBIDDEN" });
    });

    suite.case("T2: shows nothing that expired, and nothing that retention removed", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      await rooms.emit("a", 1, { body: 2, ttlMs: 1_000 }, 3);
      await h.clock.advance(1_000);
      await rooms.emit("a", 4, 5);
      expect(await walk(h, "anna", 10)).toEqual([5, 4, 3, 1]);
      await h.engine.defineRoom(rooms.address("a"), { retention: { maxMessages: 2 } });
      expect(await walk(h, "anna", 10)).toEqual([5, 4]);
    });

    suite.eachRestart(
      (way) => `S1: is the same after ${way}`,
      async (h, way) => {
        const rooms = new RoomsOf(h);
        await rooms.add("a", "anna");
        await rooms.emit("a", 1, 2);
        await rooms.emit("a", 3);
        await h.restart(way);
        expect(await walk(h, "anna", 2)).toEqual([3, 2, 1]);
      },
    );
  });
}
