import { expect } from "vitest";
import type { Harness } from "./harness.js";
import { Phone, RoomsOf } from "./phone.js";
import type { Suite } from "./suite.js";

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** Takes and acks what a full queue gets bit by bit, until it was so many messages. */
async function handleAll(h: Harness, consumer: number, count: number): Promise<unknown[]> {
  const bodies: unknown[] = [];
  await h.until("all", async () => {
    const taken = await h.lease(consumer);
    bodies.push(...taken.map(({ body }) => body));
    if (taken.length > 0) await h.ack(consumer, ...taken);
    await h.clock.advance(1_000);
    return bodies.length === count;
  });
  return bodies;
}

/** S1, D1: a queue that is a member gets each message once. */
export function testRoomsQueueMember(suite: Suite): void {
  suite.topic("rooms: queue as member", () => {
    suite.case("S1: a room feeds its queues in order, beside its users", async (h) => {
      const rooms = new RoomsOf(h);
      await h.define("orders");
      await rooms.emit("a", "before");
      expect(await rooms.feed("a", "orders")).toBe(2);
      await rooms.add("a", "anna");
      await rooms.emit("a", ...numbers(3));
      await rooms.emitTo(["a"], [], 4);
      const consumer = await h.attach("orders");
      const taken = await h.take(consumer, 4);
      expect(taken.map(({ body }) => body)).toEqual(numbers(4));
      await (await Phone.attach(h, "anna")).take(4);
      expect(await rooms.ledger("a", 2)).toEqual({ anna: "pending" });
      expect((await h.engine.members(rooms.address("a"), 0, 10)).items[0]).toEqual({
        member: { queue: "orders" },
        since: 2,
        devices: 0,
        online: 0,
      });
    });

    suite.case("S1: a full queue lags and fails no emit; it gets all once there is room", async (h) => {
      const rooms = new RoomsOf(h);
      await h.define("orders", { depthMax: 3 });
      await rooms.feed("a", "orders");
      expect(await rooms.emit("a", ...numbers(8))).toMatchObject(numbers(8).map((sequence) => ({ sequence })));
      const consumer = await h.attach("orders");
      expect(await handleAll(h, consumer, 8)).toEqual(numbers(8));
    });

    suite.case("T2: a message's time to live counts from its emit, also in a queue that it comes to later", async (h) => {
      const rooms = new RoomsOf(h);
      await h.define("orders", { depthMax: 1 });
      await rooms.feed("a", "orders");
      await rooms.emit("a", "first");
      await rooms.emit("a", { body: "mortal", ttlMs: 5_000 }, "later");
      await h.clock.advance(2_000);
      const consumer = await h.attach("orders");
      await h.ack(consumer, ...(await h.take(consumer, 1)));
      await h.clock.advance(1_000);
      await h.until("the second message in the queue", async () => (await h.stats("orders")).published >= 2);
      await h.clock.advance(3_000);
      const bodies: unknown[] = [];
      await h.until("the third message", async () => {
        const taken = await h.lease(consumer);
        bodies.push(...taken.map(({ body }) => body));
        await h.clock.advance(500);
        return bodies.length > 0;
      });
      expect(bodies).toEqual(["later"]);
    });

    suite.case("S1: a queue that is ordered by key gets what has no key, too, in the order of the room", async (h) => {
      const rooms = new RoomsOf(h);
      await h.define("orders", { ordering: "key" });
      await rooms.feed("a", "orders");
      await rooms.emit("a", { body: 1 }, { body: 2, key: "k" }, { body: 3 }, { body: 4 });
      await h.until("all of them", async () => (await h.stats("orders")).published === 4);
      const consumer = await h.attach("orders");
      const [first, keyed] = await h.take(consumer, 2);
      expect([first?.body, keyed?.body]).toEqual([1, 2]);
      await h.expectNothing(consumer);
      for (const body of [3, 4]) {
        await h.ack(consumer, ...(body === 3 && first !== undefined ? [first] : await h.take(consumer, 1)));
      }
      expect((await h.take(consumer, 1)).map(({ body }) => body)).toEqual([4]);
    });

    suite.case("S1, P4: an id that the queue had before, from another room or a publisher, is another message", async (h) => {
      const rooms = new RoomsOf(h);
      await h.define("orders");
      await rooms.feed("a", "orders");
      await rooms.feed("b", "orders");
      await h.publish("orders", { id: "x", body: "published" });
      await rooms.emit("a", { id: "x", body: "of a" });
      await rooms.emit("b", { id: "x", body: "of b" });
      await h.until("all of them", async () => (await h.stats("orders")).published === 3);
      expect(await h.publish("orders", { id: "x", body: "published" })).toMatchObject([{ duplicate: true }]);
      await rooms.emitTo(["a", "b"], [], { id: "y", body: "of both" });
      await h.until("the one of both rooms", async () => (await h.stats("orders")).published === 4);
      const consumer = await h.attach("orders");
      expect((await h.take(consumer, 4)).map(({ body }) => body)).toEqual(["published", "of a", "of b", "of both"]);
      await h.expectNothing(consumer);
    });

    suite.case("S1: a message that is larger than the queue may be comes when it has nothing else", async (h) => {
      const rooms = new RoomsOf(h);
      await h.define("orders", { bytesMax: 300 });
      await rooms.feed("a", "orders");
      const large = "x".repeat(1_000);
      await rooms.emit("a", "before", large, "after");
      const consumer = await h.attach("orders");
      expect(await handleAll(h, consumer, 3)).toEqual(["before", large, "after"]);
    });

    suite.case("S4: what retention removes before a full queue has room is told", async (h) => {
      const rooms = new RoomsOf(h);
      await h.define("orders", { depthMax: 1 });
      await h.engine.defineRoom(rooms.address("a"), { retention: { maxMessages: 2 } });
      await rooms.feed("a", "orders");
      await rooms.emit("a", 1);
      await h.until("the first", async () => (await h.stats("orders")).published === 1);
      for (const body of [2, 3, 4, 5]) await rooms.emit("a", body);
      await h.clock.advance(1_000);
      await h.until("the loss", () => h.told.overtaken.length > 0);
      expect(h.told.overtaken).toEqual([{ room: "a", queue: "orders", from: 2, to: 3 }]);
      const consumer = await h.attach("orders");
      await h.ack(consumer, ...(await h.take(consumer, 1)));
      await h.clock.advance(1_000);
      expect((await h.take(consumer, 1)).map(({ body }) => body)).toEqual([4]);
    });

    suite.case("S1: a queue that is removed is no member any more", async (h) => {
      const rooms = new RoomsOf(h);
      await h.define("orders");
      await rooms.feed("a", "orders");
      await h.engine.remove(h.address("orders"));
      expect((await h.engine.members(rooms.address("a"), 0, 10)).items).toEqual([]);
      await h.define("orders");
      await rooms.emit("a", 1);
      await h.quiet();
      expect(await h.stats("orders")).toMatchObject({ published: 0 });
    });

    suite.eachRestart(
      (way) => `D1: each message is in the queue once after ${way}`,
      async (h, way) => {
        const rooms = new RoomsOf(h);
        await h.define("orders");
        await rooms.feed("a", "orders");
        for (let round = 0; round < 5; round++) {
          await rooms.emit("a", ...numbers(4).map((body) => round * 4 + body));
          await h.restart(way);
        }
        await h.until("all messages", async () => (await h.stats("orders")).published >= 20);
        const consumer = await h.attach("orders");
        const taken = await h.take(consumer, 20);
        expect(taken.map(({ body }) => body)).toEqual(numbers(20));
        await h.expectNothing(consumer);
      },
    );
  });
}
