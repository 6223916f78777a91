import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../engines/conformance/manual-clock.js";
import type { ReceiptUpdate } from "../receipt-watch.js";
import { Peer } from "./peer.js";
import { type Reply, TestHost, until } from "./test-host.js";

const TELL_MS = 250;

let clock: ManualClock;
let host: TestHost;

beforeEach(async () => {
  clock = new ManualClock();
  host = await TestHost.open({ clock });
  for (const user of ["bob", "cid"]) await host.holdfast.room("kitchen").add({ user });
});

afterEach(() => host.close());

const peer = (user: string, auth: object = {}): Promise<Peer> => Peer.connect(host, { user, ...auth });

const emit = (sender: Peer, id: string, more: object = {}): Promise<Reply> =>
  sender.ask("emit", { room: "kitchen", event: "n", args: [], id, ...more });

const watch = (sender: Peer, more: object = {}): Promise<Reply> => sender.ask("receipts", { room: "kitchen", watch: true, ...more });

const eventsTo = ({ events }: Peer): unknown[] =>
  events.items.flatMap(([event, payload]) => (event === "holdfast:receipts" ? [payload] : []));

/** What a peer was told, one line per message. */
const toldTo = (sender: Peer): string[] =>
  eventsTo(sender).flatMap((payload) => ((payload as { items?: ReceiptUpdate[] }).items ?? []).map(lineOf));

const lineOf = ({ id, counts: { delivered, pending, failed } }: Pick<ReceiptUpdate, "id" | "counts">): string =>
  `${id} ${delivered}/${pending}/${failed}`;

/** Lets the next telling be due until so much was told. */
const told = (sender: Peer, lines: number): Promise<void> =>
  until(async () => {
    await clock.advance(TELL_MS);
    return toldTo(sender).length >= lines;
  });

/** Lets several tellings be due, and waits until what was sent has arrived. */
async function settled(...peers: Peer[]): Promise<void> {
  for (let round = 0; round < 4; round++) await clock.advance(TELL_MS);
  for (const each of peers) await each.ask("list", { kind: "rooms" });
}

describe("watching receipts", () => {
  it("tells the sender, also one who is no member, what becomes of each message until nothing is pending", async () => {
    const ann = await peer("ann");
    expect(await watch(ann)).toEqual({ ok: true, from: 1, items: [] });
    await emit(ann, "m1");
    await told(ann, 1);
    const bob = await peer("bob");
    await bob.events.count(1);
    await told(ann, 2);
    const cid = await peer("cid");
    await cid.events.count(1);
    await told(ann, 3);
    expect(eventsTo(ann)[0]).toEqual({
      items: [{ room: "kitchen", id: "m1", sequence: 1, counts: { delivered: 0, pending: 2, failed: 0 } }],
    });
    await host.holdfast.room("kitchen").remove({ user: "cid" });
    await settled(ann);
    expect(toldTo(ann)).toEqual(["m1 0/2/0", "m1 1/1/0", "m1 2/0/0"]);
  });

  it("tells many messages of several rooms together, at most 4 times a second", async () => {
    const bob = await peer("bob");
    const ann = await peer("ann");
    await ann.ask("join", { room: "bar" });
    await host.holdfast.room("bar").add({ user: "bob" });
    await watch(ann);
    await ann.ask("receipts", { room: "bar", watch: true });
    await settled(ann);
    const rooms = ["kitchen", "bar"];
    for (let n = 0; n < 50; n++) await ann.ask("emit", { room: rooms[n % 2], event: "n", args: [], id: `m${n}` });
    await bob.events.count(50);
    await bob.ask("list", { kind: "rooms" });
    await ann.ask("list", { kind: "rooms" });
    expect(eventsTo(ann).length).toBeLessThanOrEqual(1);
    await settled(ann);
    expect(eventsTo(ann).length).toBeLessThanOrEqual(2);
    const newest = new Map(toldTo(ann).map((line) => line.split(" ") as [string, string]));
    expect(newest.size).toBe(50);
    for (let n = 0; n < 50; n++) expect([n, newest.get(`m${n}`)]).toEqual([n, n % 2 === 0 ? "1/1/0" : "2/0/0"]);
  });

  it("takes up what was emitted before, by this user alone, as far back as is asked", async () => {
    const [ann, dan, bob] = [await peer("ann", { device: "phone" }), await peer("dan"), await peer("bob")];
    for (const id of ["m1", "m2", "m3"]) await emit(ann, id);
    await emit(dan, "d4");
    await emit(ann, "m5", { except: [{ user: "cid" }] });
    await bob.events.count(5);
    await bob.ask("list", { kind: "rooms" });
    ann.socket.disconnect();
    const again = await peer("ann", { device: "phone" });
    const reply = await watch(again, { from: 2 });
    expect(reply).toMatchObject({ ok: true, from: 2 });
    expect((reply.items as ReceiptUpdate[]).map(lineOf)).toEqual(["m2 1/1/0", "m3 1/1/0", "m5 1/0/0"]);
    const tablet = await peer("ann", { device: "tablet" });
    await watch(tablet);
    await emit(tablet, "m6");
    const cid = await peer("cid");
    await cid.events.count(5);
    await settled(again, tablet);
    expect(toldTo(again).filter((line) => line.includes("/0/0"))).toEqual(expect.arrayContaining(["m2 2/0/0", "m3 2/0/0", "m6 2/0/0"]));
    expect(new Set(toldTo(tablet).map((line) => line.split(" ")[0]))).toEqual(new Set(["m6"]));
  });

  it("is of an inbox, too; ends on demand, and with the room; is refused by name", async () => {
    const ann = await peer("ann");
    expect((await ann.ask("receipts", { user: "bob", watch: true })).error).toMatchObject({ code: "NOT_FOUND" });
    expect((await watch(ann, { id: "m1" })).error?.message).toContain("id");
    expect((await watch(ann, { user: "bob" })).error).toMatchObject({ code: "BAD_REQUEST" });
    expect((await watch(await Peer.connect(host, {}))).error).toMatchObject({ code: "UNAUTHENTICATED" });
    await ann.ask("emit", { user: "bob", event: "n", args: [], id: "i1" });
    const reply = await ann.ask("receipts", { user: "bob", watch: true, from: 0 });
    expect((reply.items as ReceiptUpdate[]).map(lineOf)).toEqual(["i1 0/1/0"]);
    const bob = await peer("bob");
    await bob.events.count(1);
    await told(ann, 1);
    expect(eventsTo(ann)).toEqual([{ items: [{ user: "bob", id: "i1", sequence: 1, counts: { delivered: 1, pending: 0, failed: 0 } }] }]);
    await watch(ann);
    expect(await ann.ask("receipts", { user: "bob", watch: false })).toEqual({ ok: true });
    await ann.ask("emit", { user: "bob", event: "n", args: [], id: "i2" });
    await settled(ann);
    expect(eventsTo(ann)).toHaveLength(1);
    await host.holdfast.room("kitchen").delete();
    await settled(ann);
    expect(eventsTo(ann)[1]).toEqual({ room: "kitchen", again: true });
  });

  it("tells who did not read meanwhile the newest counts alone", async () => {
    const ann = await peer("ann");
    const [socket] = host.io.of("/").sockets.values();
    const { transport } = socket?.conn ?? {};
    if (transport === undefined) throw new Error("no transport");
    await watch(ann);
    await emit(ann, "m1");
    await told(ann, 1);
    transport.writable = false;
    for (let n = 0; n < 10; n++) socket?.emit("noise", "x".repeat(10_000));
    for (const user of ["bob", "cid"]) {
      const reader = await peer(user);
      await reader.events.count(1);
      await reader.ask("list", { kind: "rooms" });
      for (let round = 0; round < 4; round++) await clock.advance(TELL_MS);
    }
    transport.writable = true;
    transport.emit("drain");
    transport.emit("ready");
    await told(ann, 2);
    await settled(ann);
    expect(toldTo(ann)).toEqual(["m1 0/2/0", "m1 2/0/0"]);
  });

  it("gives up the message watched longest above 1,000, and watches 100 rooms", async () => {
    const ann = await peer("ann");
    await watch(ann);
    for (let n = 0; n <= 1_000; n += 100) {
      await Promise.all(Array.from({ length: Math.min(100, 1_001 - n) }, (_, index) => emit(ann, `m${n + index}`)));
      await settled(ann);
    }
    expect(new Set(toldTo(ann)).size).toBe(1_001);
    const before = toldTo(ann).length;
    const bob = await peer("bob");
    await bob.events.count(1_001);
    await told(ann, before + 1_000);
    await settled(ann);
    const since = new Map(
      toldTo(ann)
        .slice(before)
        .map((line) => line.split(" ") as [string, string]),
    );
    expect(since.size).toBe(1_000);
    expect(since.has("m0")).toBe(false);
    expect([...since.values()].every((counts) => counts === "1/1/0")).toBe(true);
    for (let n = 0; n <= 99; n++) await host.holdfast.room(`room-${n}`).define({});
    for (let n = 0; n < 99; n++) expect(await watch(ann, { room: `room-${n}` })).toMatchObject({ ok: true });
    expect((await watch(ann, { room: "room-99" })).error).toMatchObject({ code: "TOO_LARGE" });
    expect(await watch(ann, { room: "room-98" })).toMatchObject({ ok: true });
  });
});
