import { connect } from "holdfast-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Peer } from "./peer.js";
import { type Reply, TestHost, until } from "./test-host.js";

let host: TestHost;

beforeEach(async () => {
  host = await TestHost.open();
});

afterEach(() => host.close());

const peer = (user: string, auth: object = {}): Promise<Peer> => Peer.connect(host, { user, ...auth });

/** A client that sends requests in the turn in which it is connected, one after the other without waiting. */
async function pipelined(user: string, ...requests: readonly [operation: string, payload: object][]): Promise<[Peer, Reply[]]> {
  const replies: Promise<Reply>[] = [];
  const made = await Peer.connect(
    host,
    { user },
    {
      listen: (socket) => {
        socket.once("connect", () => {
          for (const [operation, payload] of requests) replies.push(socket.emitWithAck(`holdfast:${operation}`, payload));
        });
      },
    },
  );
  return [made, await Promise.all(replies)];
}

const emits = (room: string, ...args: unknown[]): [string, object] => ["emit", { room, event: "order", args }];

describe("requests of one connection take effect in the order in which they were sent", () => {
  it.each(["a room that is made by it", "a room that is there"])("S1: a join, then an emit to %s", async (which) => {
    if (which.endsWith("there")) await host.holdfast.room("kitchen").define({});
    const ann = await peer("ann");
    const [joined, emitted] = await Promise.all([
      ann.ask("join", { room: "kitchen" }),
      ann.ask("emit", { room: "kitchen", event: "order", args: [1] }),
    ]);
    expect(joined).toEqual({ ok: true, sequence: 1 });
    expect(emitted).toMatchObject({ ok: true });
    expect(await ann.events.count(1)).toEqual([["order", 1]]);
  });

  it.each([{}, { device: "phone" }])("S1: the same as soon as it is connected, and as another device: %j", async (more) => {
    await host.holdfast.room("kitchen").define({});
    const [ann, replies] = await pipelined("ann", ["join", { room: "kitchen", ...more }], emits("kitchen", 1));
    expect(replies).toMatchObject([{ ok: true, sequence: 1 }, { ok: true }]);
    expect(await ann.events.count(1)).toEqual([["order", 1]]);
  });

  it("S1: joins as one device and another, and what is emitted between and after them", async () => {
    await host.holdfast.room("kitchen").define({});
    const [ann, replies] = await pipelined(
      "ann",
      ["join", { room: "kitchen", device: "phone" }],
      emits("kitchen", 1),
      ["join", { room: "kitchen", device: "tablet", from: 1 }],
      emits("kitchen", 2),
      ["members", { room: "kitchen" }],
    );
    expect(replies).toMatchObject([
      { ok: true, sequence: 1 },
      { ok: true },
      { ok: true, sequence: 1 },
      { ok: true },
      { ok: true, items: [{ user: "ann", since: 1, devices: 2 }] },
    ]);
    expect((await ann.events.count(2)).slice(-2)).toEqual([
      ["order", 1],
      ["order", 2],
    ]);
  });

  it("S1: a join, a leave and a watch; an addition and its removal", async () => {
    const [, replies] = await pipelined(
      "ann",
      ["join", { room: "kitchen" }],
      ["presence", { room: "kitchen", watch: true }],
      ["leave", { room: "kitchen" }],
      ["add", { room: "bar", member: { user: "bob" } }],
      ["remove", { room: "bar", member: { user: "bob" } }],
    );
    expect(replies.map(({ ok }) => ok)).toEqual([true, true, true, true, true]);
    for (const room of ["kitchen", "bar"]) expect((await host.holdfast.room(room).members()).items).toEqual([]);
  });

  it("S1: a queue that becomes a member, then an emit", async () => {
    const [, replies] = await pipelined("ann", ["add", { room: "kitchen", member: { queue: "orders" } }], emits("kitchen", 1));
    expect(replies).toMatchObject([{ ok: true }, { ok: true }]);
    await until(async () => (await host.holdfast.queue("orders").stats()).ready === 1);
  });

  it("S1: the same with holdfast-client, whose emits are in frames", async () => {
    const client = connect(`http://127.0.0.1:${host.port}`, { auth: { user: "ann" }, forceNew: true });
    try {
      const heard: unknown[] = [];
      client.room("kitchen").on("order", (...args) => void heard.push(args[0]));
      await Promise.all([client.room("kitchen").join(), client.room("kitchen").emit("order", 1)]);
      await until(() => heard.length === 1);
      expect(heard).toEqual([1]);
    } finally {
      await client.close({ timeoutMs: 0 });
    }
  });
});

describe("calls of one process take effect in their order", () => {
  it.each([undefined, { retention: { maxMessages: 10 } }])("S1: an addition, an emit and a removal, with options %j", async (options) => {
    const room = host.holdfast.room("kitchen", options);
    const [since, { sequence }] = await Promise.all([
      room.add({ user: "ann" }),
      room.emit("order", 1),
      room.add({ user: "bob" }),
      room.remove({ user: "bob" }),
    ]);
    expect([since, sequence]).toEqual([1, 1]);
    expect((await room.members()).items).toMatchObject([{ user: "ann" }]);
    const [fed, second] = await Promise.all([room.add({ queue: "orders" }), room.emit("order", 2)]);
    expect([fed, second.sequence]).toEqual([2, 2]);
  });
});
