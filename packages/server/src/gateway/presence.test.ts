import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../engines/conformance/manual-clock.js";
import type { PresenceChange } from "../presence-watcher.js";
import { Peer } from "./peer.js";
import { type Reply, TestHost, until } from "./test-host.js";

const GRACE_MS = 2_000;
const TELL_MS = 250;

let clock: ManualClock;
let host: TestHost;

beforeEach(async () => {
  clock = new ManualClock();
  host = await TestHost.open({ clock });
});

afterEach(() => host.close());

const peer = async (user: string, auth: object = {}): Promise<Peer> => {
  const made = await Peer.connect(host, { user, ...auth });
  await here(user);
  return made;
};

/** Waits until the server knows that a user is connected with so many devices. */
const here = (user: string, devices = 1): Promise<void> =>
  until(async () => {
    const { items } = await host.holdfast.room("lobby").presence();
    return (items.find((item) => item.user === user)?.devices.length ?? 0) >= devices;
  });

const gone = (user: string): Promise<void> =>
  until(async () => {
    const { items } = await host.holdfast.room("lobby").members();
    return items.some((item) => "user" in item && item.user === user && !item.online);
  });

/** Everybody of these tests is in the lobby, which nobody watches, and whoever is told is in the kitchen. */
async function members(...users: string[]): Promise<void> {
  for (const user of users) for (const room of ["lobby", "kitchen"]) await host.holdfast.room(room).add({ user });
}

const watch = (watcher: Peer, room = "kitchen"): Promise<Reply> => watcher.ask("presence", { room, watch: true });

/** What a peer was told of presence. */
const toldTo = ({ events }: Peer): unknown[] =>
  events.items.flatMap(([event, payload]) => (event === "holdfast:presence" ? [payload] : []));

const changesTo = (watcher: Peer): PresenceChange[] =>
  toldTo(watcher).flatMap((payload) => (payload as { changes?: PresenceChange[] }).changes ?? []);

/** Lets the next telling be due, and waits until what was sent has arrived: an answer comes after it. */
async function settled(...watchers: Peer[]): Promise<void> {
  for (let round = 0; round < 2; round++) await clock.advance(TELL_MS);
  for (const watcher of watchers) await watcher.ask("list", { kind: "rooms" });
}

describe("watching presence", () => {
  it("tells who comes, goes after a grace, becomes a member and ceases to be one", async () => {
    await members("ann", "bob");
    const ann = await peer("ann");
    expect(await watch(ann)).toEqual({ ok: true, items: [{ user: "ann", devices: ["default"] }] });
    const bob = await peer("bob", { device: "phone" });
    await settled(ann);
    expect(toldTo(ann)).toEqual([{ room: "kitchen", changes: [{ user: "bob", online: true }] }]);
    const tablet = await peer("bob", { device: "tablet" });
    await here("bob", 2);
    bob.socket.disconnect();
    tablet.socket.disconnect();
    await gone("bob");
    await clock.advance(GRACE_MS - 1);
    await settled(ann);
    await members("cid");
    await settled(ann);
    await host.holdfast.room("kitchen").remove({ user: "cid" });
    await settled(ann);
    expect(changesTo(ann).slice(1)).toEqual([
      { user: "bob", online: false },
      { user: "cid", online: false, member: true },
      { user: "cid", online: false, member: false },
    ]);
  });

  it("tells nothing of who is back within the grace, who meanwhile counts as here", async () => {
    await members("ann", "bob");
    const [ann, bob] = [await peer("ann"), await peer("bob")];
    await watch(ann);
    await settled(ann);
    bob.socket.disconnect();
    await gone("bob");
    await clock.advance(GRACE_MS - 1);
    expect((await ann.ask("presence", { room: "kitchen" })).items).toContainEqual({ user: "bob", devices: [] });
    expect((await ann.ask("presence", { room: "lobby" })).items).not.toContainEqual({ user: "bob", devices: [] });
    await peer("bob");
    await clock.advance(GRACE_MS);
    await settled(ann);
    expect(toldTo(ann)).toEqual([]);
  });

  it("tells what came within 250 ms together, the newest of each user", async () => {
    await members("ann", "bob", "cid");
    const ann = await peer("ann");
    await watch(ann);
    await peer("bob");
    await settled(ann);
    await clock.advance(TELL_MS - 1);
    await members("dan");
    await settled(ann);
    const kitchen = host.holdfast.room("kitchen");
    await kitchen.add({ user: "eve" });
    await until(() => toldTo(ann).length === 3);
    await kitchen.remove({ user: "eve" });
    await kitchen.add({ user: "eve" });
    await kitchen.add({ user: "fay" });
    await kitchen.remove({ user: "fay" });
    await settled(ann);
    expect(toldTo(ann).slice(3)).toEqual([
      {
        room: "kitchen",
        changes: [
          { user: "eve", online: false, member: true },
          { user: "fay", online: false, member: false },
        ],
      },
    ]);
  });

  it("is for members, ends with the membership, on demand and with the room", async () => {
    await members("ann", "bob", "cid", "dan");
    await host.holdfast.room("kitchen").remove({ user: "dan" });
    const [ann, bob, cid, dan] = [await peer("ann"), await peer("bob"), await peer("cid"), await peer("dan")];
    expect((await watch(dan)).error).toMatchObject({ code: "FORBIDDEN" });
    expect((await watch(ann, "cellar")).error).toMatchObject({ code: "NOT_FOUND" });
    expect((await ann.ask("presence", { room: "kitchen", watch: 1 })).error).toMatchObject({ code: "BAD_REQUEST" });
    for (const watcher of [ann, bob, cid]) expect(await watch(watcher)).toMatchObject({ ok: true });
    await ann.ask("presence", { room: "kitchen", watch: false });
    await bob.ask("leave", { room: "kitchen" });
    await settled(bob, cid);
    await members("eve");
    await settled(ann, bob, cid);
    const left = { room: "kitchen", changes: [{ user: "bob", online: false, member: false }] };
    expect(toldTo(ann)).toEqual([]);
    expect(toldTo(bob)).toEqual([left, { room: "kitchen", again: true }]);
    expect((await watch(bob)).error).toMatchObject({ code: "FORBIDDEN" });
    expect(toldTo(cid)).toEqual([left, { room: "kitchen", changes: [{ user: "eve", online: false, member: true }] }]);
    await host.holdfast.room("kitchen").delete();
    await settled(cid);
    expect(toldTo(cid).at(-1)).toEqual({ room: "kitchen", again: true });
    expect((await watch(cid)).error).toMatchObject({ code: "NOT_FOUND" });
  });

  it("watches at most 100 rooms on a connection, which count as long as they are watched", async () => {
    await members("ann");
    const ann = await peer("ann");
    for (let n = 0; n <= 100; n++) await host.holdfast.room(`room-${n}`).add({ user: "ann" });
    for (let n = 0; n < 100; n++) expect(await watch(ann, `room-${n}`)).toMatchObject({ ok: true });
    expect((await watch(ann, "room-100")).error).toMatchObject({ code: "TOO_LARGE" });
    expect(await watch(ann, "room-99")).toMatchObject({ ok: true });
    await host.holdfast.room("room-99").remove({ user: "ann" });
    await settled(ann);
    expect(await watch(ann, "room-100")).toMatchObject({ ok: true });
  });

  it("has who does not keep up ask again, once", async () => {
    await members("ann");
    const ann = await peer("ann");
    await watch(ann);
    // What waits for a client that does not read.
    const [socket] = host.io.of("/").sockets.values();
    const { transport } = socket?.conn ?? {};
    if (transport === undefined) throw new Error("no transport");
    transport.writable = false;
    for (let n = 0; n < 10; n++) socket?.emit("noise", "x".repeat(10_000));
    await members("bob");
    await settled();
    await members("cid");
    await settled();
    transport.writable = true;
    transport.emit("drain");
    transport.emit("ready");
    await until(async () => {
      await clock.advance(TELL_MS);
      return toldTo(ann).length > 0;
    });
    await settled(ann);
    expect(toldTo(ann)).toEqual([{ room: "kitchen", again: true }]);
    await members("dan");
    await settled(ann);
    expect(toldTo(ann).slice(1)).toEqual([{ room: "kitchen", changes: [{ user: "dan", online: false, member: true }] }]);
  });
});

describe("presence in the server's process", () => {
  it("is listed and watched", async () => {
    await members("ann");
    const kitchen = host.holdfast.room("kitchen");
    const seen: unknown[] = [];
    const stop = await kitchen.watchPresence((changes) => void seen.push(changes));
    await peer("ann");
    await settled();
    expect(seen).toEqual([[{ user: "ann", online: true }]]);
    expect(await kitchen.presence()).toEqual({ items: [{ user: "ann", devices: ["default"] }] });
    stop();
    await members("bob");
    await settled();
    expect(seen).toHaveLength(1);
    await expect(host.holdfast.room("cellar").watchPresence(() => {})).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
