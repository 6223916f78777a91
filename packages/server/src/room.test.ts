import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Holdfast } from "./holdfast.js";
import { user } from "./room-names.js";

let holdfast: Holdfast;

beforeEach(async () => {
  holdfast = await Holdfast.open({ engine: "memory" });
});

afterEach(() => holdfast.close());

describe("holdfast.to", () => {
  it("emits to rooms and users and gives a receipt for each, once each", async () => {
    const receipts = await holdfast
      .to("kitchen")
      .to(["bar", user("bob"), "kitchen"])
      .except(["cellar", user("ann")])
      .emit("order", { table: 4 });
    expect(receipts).toEqual([1, 1, 1].map((sequence) => ({ id: expect.any(String), sequence, duplicate: false })));
    expect(new Set(receipts.map(({ id }) => id)).size).toBe(1);
    expect(await holdfast.rooms()).toEqual({ items: ["bar", "kitchen"] });
  });

  it("keeps what was said before out of what is said later", async () => {
    const kitchen = holdfast.to("kitchen");
    kitchen.to("bar");
    expect(await kitchen.emit("order")).toHaveLength(1);
    expect(await holdfast.rooms()).toEqual({ items: ["kitchen"] });
  });

  it("takes an id, under which it is stored once", async () => {
    const [first] = await holdfast.to("kitchen").with({ id: "order-17" }).emit("order", 1);
    expect(await holdfast.to("kitchen").with({ id: "order-17" }).emit("order", 1)).toEqual([{ ...first, duplicate: true }]);
  });

  it("refuses what it cannot take, by name", async () => {
    await expect(holdfast.to("kitchen").emit("connect")).rejects.toMatchObject({ code: "BAD_REQUEST" });
    await expect(holdfast.to("kitchen").emit("order", 1n)).rejects.toMatchObject({ code: "BAD_REQUEST" });
    for (const emitter of [holdfast.room("kitchen"), holdfast.to("kitchen")]) {
      await expect(emitter.emit("order", 1, () => undefined)).rejects.toMatchObject({
        code: "BAD_REQUEST",
        message: "args.1 is a function, expected JSON or bytes",
      });
    }
    const nowhere = { code: "BAD_REQUEST", message: "to is an array of 0, expected at least 1 room or user" };
    await expect(holdfast.to([]).emit("order")).rejects.toMatchObject(nowhere);
    await expect(holdfast.to([]).to("kitchen").emit("order")).resolves.toHaveLength(1);
    expect(() => holdfast.to("kit chen")).toThrow("room is");
    expect(() => holdfast.to({ user: "" })).toThrow("user is");
    expect(() => user("")).toThrow("user is");
    expect(() => holdfast.to(Array.from({ length: 101 }, (_, n) => `r${n}`))).toThrow("at most 100");
  });
});

describe("holdfast.room", () => {
  it("keeps its members, and tells what became of a message", async () => {
    const kitchen = holdfast.room("kitchen");
    expect(await kitchen.add(user("bob"))).toBe(1);
    expect(await kitchen.add({ queue: "orders" })).toBe(1);
    expect(await kitchen.members()).toEqual({
      items: [
        { user: "bob", since: 1, devices: 0, online: false },
        { queue: "orders", since: 1 },
      ],
    });
    await kitchen.remove({ queue: "orders" });
    const { id, sequence } = await kitchen.with({ id: "order-17" }).emit("order", { table: 4 });
    expect([id, sequence]).toEqual(["order-17", 1]);
    expect(await kitchen.receipts(id)).toEqual({
      counts: { delivered: 0, pending: 1, failed: 0 },
      delivered: [],
      pending: ["bob"],
      failed: [],
    });
    expect(await kitchen.stats()).toMatchObject({ messages: 1, members: 1 });
    await kitchen.delete();
    await expect(kitchen.stats()).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("is of its namespace, and stores in the order of the calls while it is created", async () => {
    const room = holdfast.of("/shop").room("kitchen", { retention: { maxMessages: 100 } });
    const receipts = await Promise.all([1, 2, 3].map((n) => room.emit("n", n)));
    expect(receipts.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect(await holdfast.rooms()).toEqual({ items: [] });
    expect(() => holdfast.room("kitchen", { retention: { maxAgeMs: -1 } })).toThrow("retention.maxAgeMs");
  });
});
