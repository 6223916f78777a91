import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Peer } from "./peer.js";
import { type Reply, TestHost } from "./test-host.js";

let host: TestHost;

beforeEach(async () => {
  host = await TestHost.open();
});

afterEach(() => host.close());

const peer = (user: string, auth: object = {}): Promise<Peer> => Peer.connect(host, { user, ...auth });

const receiptOf = (reply: Reply): { id: string; sequence: number; duplicate: boolean } =>
  (reply.receipts as { id: string; sequence: number; duplicate: boolean }[])[0] ?? { id: "", sequence: 0, duplicate: false };

describe("holdfast:join and holdfast:emit", () => {
  it("hands an event with its arguments to every member, the sender too", async () => {
    const [ann, bob] = [await peer("ann"), await peer("bob")];
    expect(await ann.ask("join", { room: "kitchen" })).toEqual({ ok: true, sequence: 1 });
    expect(await bob.ask("join", { room: "kitchen" })).toEqual({ ok: true, sequence: 1 });
    const reply = await ann.ask("emit", { room: "kitchen", event: "order", args: [{ table: 4 }, Buffer.from([1, 2]), "now"], id: "o-1" });
    expect(reply).toEqual({ ok: true, receipts: [{ id: "o-1", sequence: 1, duplicate: false }] });
    for (const { events } of [ann, bob]) {
      expect(await events.count(1)).toEqual([["order", { table: 4 }, Buffer.from([1, 2]), "now"]]);
    }
    const again = await ann.ask("emit", { room: "kitchen", event: "order", args: [{ table: 4 }, Buffer.from([1, 2]), "now"], id: "o-1" });
    expect(receiptOf(again)).toEqual({ id: "o-1", sequence: 1, duplicate: true });
  });

  it("brings a member what came while it was away, without a call of its own", async () => {
    const ann = await peer("ann");
    await ann.ask("add", { room: "kitchen", member: { user: "bob" } });
    for (let n = 1; n <= 3; n++) await ann.ask("emit", { room: "kitchen", event: "n", args: [n] });
    const bob = await peer("bob");
    expect(await bob.events.count(3)).toEqual([
      ["n", 1],
      ["n", 2],
      ["n", 3],
    ]);
    bob.socket.disconnect();
    await ann.ask("emit", { room: "kitchen", event: "n", args: [4] });
    const back = await peer("bob");
    expect(await back.events.count(1)).toEqual([["n", 4]]);
  });

  it("tells of the message in one argument more with meta", async () => {
    const ann = await peer("ann");
    await ann.ask("join", { room: "kitchen", meta: true });
    const { receipts } = await ann.ask("emit", { room: "kitchen", event: "order", args: [1], headers: { trace: "7" } });
    const [event] = await ann.events.count(1);
    const [receipt] = receipts as { id: string }[];
    const meta = {
      id: receipt?.id,
      room: "kitchen",
      sequence: 1,
      redelivered: false,
      sender: "ann",
      headers: { trace: "7" },
    };
    expect(event).toEqual(["order", 1, meta]);
  });

  it("reaches users in their inboxes, each once through several rooms, and leaves out whom except names", async () => {
    const [ann, bob, cid] = [await peer("ann"), await peer("bob"), await peer("cid")];
    for (const each of [ann, bob]) await each.ask("join", { room: "kitchen" });
    for (const each of [bob, cid]) await each.ask("join", { room: "bar" });
    expect(await ann.ask("emit", { user: "cid", event: "hello", args: ["cid"] })).toMatchObject({ ok: true });
    expect(await cid.events.count(1)).toEqual([["hello", "cid"]]);
    const reply = await ann.ask("emit", { rooms: ["kitchen", "bar"], except: [{ user: "cid" }], event: "both", args: [] });
    expect(reply.receipts).toHaveLength(2);
    await ann.ask("emit", { rooms: ["kitchen", "bar"], event: "end" });
    expect(await bob.events.count(2)).toEqual([["both"], ["end"]]);
    expect(await ann.events.count(2)).toEqual([["both"], ["end"]]);
    expect(await cid.events.count(2)).toEqual([["hello", "cid"], ["end"]]);
  });

  it("refuses what cannot be emitted, by name", async () => {
    const ann = await peer("ann");
    const refused: [object, string][] = [
      [{ room: "kitchen", event: "disconnect", args: [] }, "event"],
      [{ room: "kitchen", event: "holdfast:gap", args: [] }, "event"],
      [{ room: "kitchen", event: "", args: [] }, "event"],
      [{ room: "kitchen", event: 7, args: [] }, "event"],
      [{ room: "kitchen", event: "a", args: {} }, "args"],
      [{ room: "kit chen", event: "a", args: [] }, "room"],
      [{ event: "a", args: [] }, "room, rooms, user"],
      [{ room: "a", user: "bob", event: "a", args: [] }, "room, rooms, user"],
      [{ rooms: [], event: "a", args: [] }, "rooms"],
      [{ room: "a", except: [{ user: "" }], event: "a", args: [] }, "user"],
      [{ room: "a", event: "a", args: [], headers: { "holdfast:sender": "bob" } }, "holdfast:sender"],
      [{ room: "a", event: "a", args: [], colour: "red" }, "colour"],
    ];
    for (const [payload, names] of refused) {
      const reply = await ann.ask("emit", payload);
      expect(reply.error).toMatchObject({ code: "BAD_REQUEST", retryable: false });
      expect(reply.error?.message).toContain(names);
    }
  });

  it("are for users only", async () => {
    const nobody = await Peer.connect(host, {});
    const requests: [string, object][] = [
      ["join", { room: "kitchen" }],
      ["leave", { room: "kitchen" }],
      ["emit", { room: "kitchen", event: "a", args: [] }],
      ["receipts", { room: "kitchen", id: "a" }],
      ["add", { room: "kitchen", member: { user: "bob" } }],
      ["remove", { room: "kitchen", member: { user: "bob" } }],
      ["history", { room: "kitchen" }],
      ["list", { kind: "memberships" }],
      ["members", { room: "kitchen" }],
      ["presence", { room: "kitchen" }],
      ["define", { room: "kitchen" }],
      ["delete", { room: "kitchen" }],
      ["stats", { room: "kitchen" }],
      ["list", { kind: "rooms" }],
    ];
    for (const [operation, payload] of requests) {
      expect((await nobody.ask(operation, payload)).error).toMatchObject({ code: "UNAUTHENTICATED" });
    }
    expect(await nobody.ask("list", { kind: "queues" })).toMatchObject({ ok: true });
  });

  it("say to nobody what would make a user of them", async () => {
    const told = async (of: TestHost, auth: object): Promise<string | undefined> =>
      (await (await Peer.connect(of, auth)).ask("join", { room: "kitchen" })).error?.message;
    expect(await told(host, {})).toContain("expected auth { user }");
    const ruled = await TestHost.open({ identify: () => undefined });
    expect(await told(ruled, { user: "ann" })).toContain("identify names none for it");
    await ruled.close();
    const { port } = host;
    vi.spyOn(host.http, "address").mockReturnValue({ address: "::", family: "IPv6", port });
    expect(await told(host, { user: "ann" })).toContain("expected attach(io, { identify })");
  });

  it("are for everybody who says who he is on a server that is insecure on purpose, from wherever he comes", async () => {
    const open = await TestHost.open({ insecure: true });
    const { port } = open;
    vi.spyOn(open.http, "address").mockReturnValue({ address: "0.0.0.0", family: "IPv4", port });
    const bob = await Peer.connect(open, { user: "bob" });
    expect(await bob.ask("join", { room: "kitchen" })).toMatchObject({ ok: true });
    expect(await bob.ask("emit", { room: "kitchen", event: "n", args: [1] })).toMatchObject({ ok: true });
    expect(await bob.events.count(1)).toEqual([["n", 1]]);
    expect(await bob.ask("backup", {})).toMatchObject({ ok: true });
    const nobody = await Peer.connect(open, {});
    expect((await nobody.ask("join", { room: "kitchen" })).error).toMatchObject({
      code: "UNAUTHENTICATED",
      message: expect.stringContaining("expected auth { user }"),
    });
    await open.close();
  });
});

describe("rooms that are counted", () => {
  it("C2: count once, however many calls create them at a time", async () => {
    const own = await TestHost.open({ roomsMax: 2 });
    await Promise.all([own.holdfast.room("a").define({}), own.holdfast.room("a").define({})]);
    await own.holdfast.room("b").define({});
    await expect(own.holdfast.room("c").define({})).rejects.toMatchObject({ code: "TOO_LARGE" });
    await own.close();
  });
});

describe("an identify that throws", () => {
  it("makes a socket nobody's, which its requests are told and the log knows more of", async () => {
    const errors: string[] = [];
    const log = { info: () => {}, warn: () => {}, error: (text: string) => void errors.push(text) };
    const broken = await TestHost.open({
      log,
      identify: () => {
        throw new Error("no session store");
      },
    });
    const nobody = await Peer.connect(broken, { user: "ann" });
    const error = { code: "UNAUTHENTICATED", message: expect.stringContaining("identify failed"), retryable: false };
    for (const [operation, payload] of [
      ["join", { room: "kitchen" }],
      ["publish", { queue: "q", body: 1 }],
    ] as const) {
      expect((await nobody.ask(operation, payload)).error).toEqual(error);
    }
    expect(errors.join()).toContain("no session store");
    expect(await broken.holdfast.queues()).toEqual({ items: [] });
    await broken.close();
  });
});

describe("devices", () => {
  it("each get everything; a second connection of one replaces the first", async () => {
    const [phone, laptop] = [await peer("bob", { device: "phone" }), await peer("bob", { device: "laptop" })];
    await phone.ask("join", { room: "kitchen" });
    await laptop.ask("join", { room: "kitchen" });
    await phone.ask("emit", { room: "kitchen", event: "n", args: [1] });
    expect(await phone.events.count(1)).toEqual([["n", 1]]);
    expect(await laptop.events.count(1)).toEqual([["n", 1]]);
    const other = await peer("bob", { device: "phone" });
    expect(await phone.events.count(2)).toContainEqual(["holdfast:replaced", { device: "phone" }]);
    await laptop.ask("emit", { room: "kitchen", event: "n", args: [2] });
    expect(await other.events.count(1)).toEqual([["n", 2]]);
    expect(phone.events.items).toHaveLength(2);
    expect(await phone.ask("join", { room: "kitchen" })).toMatchObject({ ok: true });
    expect(await other.events.count(2)).toContainEqual(["holdfast:replaced", { device: "phone" }]);
  });

  it("may be named by a join", async () => {
    const bob = await peer("bob");
    expect(await bob.ask("join", { room: "kitchen", device: "phone" })).toEqual({ ok: true, sequence: 1 });
    expect(await bob.ask("presence", { room: "kitchen" })).toEqual({ ok: true, items: [{ user: "bob", devices: ["phone"] }] });
    expect((await bob.ask("join", { room: "kitchen", device: "my phone" })).error).toMatchObject({ code: "BAD_REQUEST" });
  });

  it("get a message again that was nacked, and a gap when it was so too often", async () => {
    const bob = await peer("bob");
    await bob.ask("join", { room: "kitchen", meta: true });
    bob.answers = (event) => (event === "holdfast:gap" ? [] : [{ nack: { delayMs: 0 } }]);
    const { receipts } = await bob.ask("emit", { room: "kitchen", event: "n", args: [1], id: "poison" });
    expect(receipts).toHaveLength(1);
    const events = await bob.events.count(6);
    expect(events.map(([event, , meta]) => [event, (meta as { redelivered?: boolean } | undefined)?.redelivered])).toEqual([
      ["n", false],
      ["n", true],
      ["n", true],
      ["n", true],
      ["n", true],
      ["holdfast:gap", undefined],
    ]);
    expect(events[5]?.[1]).toEqual({ room: "kitchen", from: 1, to: 1, reason: "attempts" });
    expect(await bob.ask("receipts", { room: "kitchen", id: "poison" })).toMatchObject({ counts: { delivered: 0, pending: 0, failed: 1 } });
  });

  it("ignore and count callbacks that say something else", async () => {
    const bob = await peer("bob");
    await bob.ask("join", { room: "kitchen" });
    bob.answers = () => ["thanks"];
    await bob.ask("emit", { room: "kitchen", event: "n", args: [], id: "1" });
    await bob.events.count(1);
    expect(await bob.ask("receipts", { room: "kitchen", id: "1" })).toMatchObject({ counts: { delivered: 0, pending: 1 } });
    expect(host.holdfast.counters.invalidCallbacks).toBe(1);
  });
});

describe("members", () => {
  it("are added, listed with who is here, removed; a room can be left", async () => {
    const ann = await peer("ann");
    await ann.ask("join", { room: "kitchen" });
    expect(await ann.ask("add", { room: "kitchen", member: { user: "bob" } })).toEqual({ ok: true });
    expect(await ann.ask("add", { room: "kitchen", member: { queue: "orders" } })).toEqual({ ok: true });
    const replies = await ann.ask("add", { room: "kitchen", member: { queue: `reply:${"a".repeat(20)}` } });
    expect(replies.error).toMatchObject({ code: "BAD_REQUEST", message: expect.stringContaining("a reply queue") });
    expect(await ann.ask("members", { room: "kitchen" })).toMatchObject({
      ok: true,
      items: [
        { user: "ann", since: 1, devices: 1, online: true },
        { user: "bob", since: 1, devices: 0, online: false },
        { queue: "orders", since: 1 },
      ],
    });
    expect(await ann.ask("presence", { room: "kitchen" })).toEqual({ ok: true, items: [{ user: "ann", devices: ["default"] }] });
    expect(await ann.ask("remove", { room: "kitchen", member: { user: "bob" } })).toEqual({ ok: true });
    expect(await ann.ask("leave", { room: "kitchen" })).toEqual({ ok: true });
    expect((await ann.ask("members", { room: "kitchen" })).items).toHaveLength(1);
    for (const member of [{}, { user: "a", queue: "b" }, { room: "x" }, "bob"]) {
      expect((await ann.ask("add", { room: "kitchen", member })).error).toMatchObject({ code: "BAD_REQUEST" });
    }
    expect((await ann.ask("members", { room: "cellar" })).error).toMatchObject({ code: "NOT_FOUND" });
  });

  it("are told by receipts who got a message, for its sender only", async () => {
    const [ann, bob] = [await peer("ann"), await peer("bob")];
    await bob.ask("join", { room: "kitchen" });
    await bob.ask("add", { room: "kitchen", member: { user: "cid" } });
    await ann.ask("emit", { room: "kitchen", event: "order", args: [], id: "o-1" });
    await bob.events.count(1);
    await bob.ask("list", { kind: "rooms" });
    expect(await ann.ask("receipts", { room: "kitchen", id: "o-1" })).toEqual({
      ok: true,
      counts: { delivered: 1, pending: 1, failed: 0 },
      delivered: ["bob"],
      pending: ["cid"],
      failed: [],
    });
    expect((await bob.ask("receipts", { room: "kitchen", id: "o-1" })).error).toMatchObject({ code: "FORBIDDEN" });
    expect((await ann.ask("receipts", { room: "kitchen", id: "o-2" })).error).toMatchObject({ code: "NOT_FOUND" });
    expect((await ann.ask("receipts", { id: "o-2" })).error).toMatchObject({ code: "BAD_REQUEST" });
  });
});

describe("looking after rooms", () => {
  it("defines, lists, counts and deletes them", async () => {
    const ann = await peer("ann");
    expect(await ann.ask("define", { room: "kitchen", retention: { maxMessages: 10 }, poison: "block" })).toEqual({ ok: true });
    expect((await ann.ask("define", { room: "kitchen", ordering: "key" })).error).toMatchObject({ code: "BAD_REQUEST" });
    expect((await ann.ask("define", { room: "kitchen", retention: { maxDays: 1 } })).error?.message).toContain("retention.maxDays");
    expect(await ann.ask("list", { kind: "rooms" })).toEqual({ ok: true, items: ["kitchen"] });
    expect(await ann.ask("stats", { room: "kitchen" })).toMatchObject({ ok: true, messages: 0, members: 0 });
    expect(await ann.ask("delete", { room: "kitchen" })).toEqual({ ok: true });
    expect((await ann.ask("delete", { room: "kitchen" })).error).toMatchObject({ code: "NOT_FOUND" });
  });

  it("creates none that may not be created by use", async () => {
    await host.close();
    host = await TestHost.open({ autoCreate: false, roomsMax: 1 });
    const ann = await peer("ann");
    for (const [operation, payload] of [
      ["join", { room: "kitchen" }],
      ["emit", { room: "kitchen", event: "a", args: [] }],
      ["add", { room: "kitchen", member: { user: "bob" } }],
    ] as const) {
      expect((await ann.ask(operation, payload)).error).toMatchObject({ code: "NOT_FOUND", message: "there is no room kitchen" });
    }
    expect(await ann.ask("emit", { user: "bob", event: "a", args: [] })).toMatchObject({ ok: true });
    expect(await ann.ask("define", { room: "kitchen" })).toEqual({ ok: true });
    expect((await ann.ask("define", { room: "bar" })).error).toMatchObject({ code: "TOO_LARGE" });
    expect(await ann.ask("join", { room: "kitchen" })).toEqual({ ok: true, sequence: 1 });
  });
});

describe("holdfast:list", () => {
  it("names the rooms, and those that the user is in", async () => {
    const [ann, bob] = [await peer("ann"), await peer("bob")];
    for (const room of ["kitchen", "bar"]) await ann.ask("join", { room });
    await bob.ask("join", { room: "cellar" });
    expect(await bob.ask("list", { kind: "rooms" })).toEqual({ ok: true, items: ["bar", "cellar", "kitchen"] });
    expect(await bob.ask("list", { kind: "memberships" })).toEqual({ ok: true, items: ["cellar"] });
    expect(await ann.ask("list", { kind: "memberships", limit: 1 })).toEqual({ ok: true, items: ["bar"], next: "bar" });
    await ann.ask("leave", { room: "bar" });
    expect(await ann.ask("list", { kind: "memberships" })).toEqual({ ok: true, items: ["kitchen"] });
  });
});

describe("holdfast:history", () => {
  it("tells a member what was emitted before, backwards in pages, and settles nothing", async () => {
    const [ann, bob] = [await peer("ann"), await peer("bob")];
    await ann.ask("join", { room: "kitchen" });
    const emits = [
      { event: "order", args: [{ table: 4 }, Buffer.from([1, 2])], id: "o-1", key: "k", headers: { trace: "7" } },
      { event: "secret", args: [], except: [{ user: "bob" }] },
      { event: "ready", args: [4], id: "r-1" },
    ];
    for (const emit of emits) await ann.ask("emit", { room: "kitchen", ...emit });
    await bob.ask("join", { room: "kitchen" });
    await bob.ask("emit", { room: "kitchen", event: "thanks", args: [], id: "t-1" });
    expect((await ann.ask("history", { room: "kitchen" })).items).toMatchObject([
      { event: "thanks", sequence: 4, sender: "bob" },
      { event: "ready", sequence: 3, sender: "ann" },
      { event: "secret", sequence: 2 },
      { event: "order", sequence: 1 },
    ]);
    const first = await ann.ask("history", { room: "kitchen", limit: 2 });
    expect(first).toMatchObject({ items: [{ sequence: 4 }, { sequence: 3 }], next: 3 });
    const rest = await ann.ask("history", { room: "kitchen", before: 3, limit: 2 });
    expect(rest).toMatchObject({ items: [{ sequence: 2 }, { sequence: 1 }] });
    expect(rest).not.toHaveProperty("next");
    const publishedAt = expect.any(Number);
    const order = { ...emits[0], sequence: 1, sender: "ann", publishedAt };
    expect((await ann.ask("history", { room: "kitchen", before: 2 })).items).toEqual([order]);
  });

  it("is for members, and shows them nothing they were excepted from", async () => {
    const [ann, eve] = [await peer("ann"), await peer("eve")];
    await ann.ask("join", { room: "kitchen" });
    await ann.ask("add", { room: "kitchen", member: { user: "bob" } });
    await ann.ask("emit", { room: "kitchen", event: "party", args: [], except: [{ user: "bob" }] });
    await ann.ask("emit", { room: "kitchen", event: "hello", args: [] });
    const bob = await peer("bob");
    expect((await bob.ask("history", { room: "kitchen" })).items).toMatchObject([{ event: "hello" }]);
    const refused: [object, string, string][] = [
      [{ room: "kitchen" }, "FORBIDDEN", "kitchen"],
      [{ room: "bar" }, "NOT_FOUND", "bar"],
      [{ room: "kitchen", before: -1 }, "BAD_REQUEST", "before"],
      [{ room: "kitchen", limit: 1_001 }, "BAD_REQUEST", "limit"],
      [{ room: "kitchen", after: 1 }, "BAD_REQUEST", "after"],
    ];
    for (const [payload, code, names] of refused) {
      const { error } = await eve.ask("history", payload);
      expect(error).toMatchObject({ code, retryable: false });
      expect(error?.message).toContain(names);
    }
  });
});
