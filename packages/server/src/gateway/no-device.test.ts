import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Peer } from "./peer.js";
import { TestHost } from "./test-host.js";

/** Of a user; see section 8 of PROTOCOL.md. */
const DEVICES_MAX = 64;

let host: TestHost;
let ann: Peer;

beforeEach(async () => {
  host = await TestHost.open();
  ann = await Peer.connect(host, { user: "ann" });
  await ann.ask("add", { room: "kitchen", member: { user: "bob" } });
});

afterEach(() => host.close());

const emit = (n: number): Promise<unknown> => ann.ask("emit", { room: "kitchen", event: "n", args: [n], id: `m${n}` });
const devices = async (): Promise<unknown> => (await ann.ask("presence", { room: "kitchen" })).items;
const about = (sequence: number, redelivered = false): object => ({
  id: `m${sequence}`,
  room: "kitchen",
  sequence,
  redelivered,
  sender: "ann",
});

describe("a connection that says it is no device", () => {
  it("is sent nothing, and is not counted, until hello says that it is one", async () => {
    const bob = await Peer.connect(host, { user: "bob", "holdfast:rooms": false });
    await emit(1);
    expect(await bob.ask("hello", { frames: 1, rooms: false })).toMatchObject({ ok: true });
    expect(await devices()).toEqual([]);
    expect(bob.events.items).toEqual([]);
    expect(await bob.ask("hello", { frames: 1, rooms: { meta: true } })).toMatchObject({ ok: true });
    expect(await bob.events.count(1)).toEqual([["n", 1, about(1)]]);
    expect(await devices()).toEqual([{ user: "bob", devices: ["default"] }]);
  });

  it("is the device that hello names, else that of the handshake, and keeps it when it says the same again", async () => {
    const phone = await Peer.connect(host, { user: "bob", device: "phone", "holdfast:rooms": false });
    await phone.ask("hello", { frames: 1, rooms: {} });
    expect(await devices()).toEqual([{ user: "bob", devices: ["phone"] }]);
    phone.answers = () => undefined;
    await emit(1);
    await phone.events.count(1);
    await phone.ask("hello", { frames: 1, rooms: {} });
    await phone.ask("hello", { frames: 1, rooms: { device: "phone" } });
    await emit(2);
    expect(await phone.events.count(2)).toEqual([
      ["n", 1],
      ["n", 2],
    ]);
    await phone.ask("hello", { frames: 1, rooms: { device: "tablet" } });
    expect(await devices()).toEqual([{ user: "bob", devices: ["tablet"] }]);
  });

  it("is one by a join as well", async () => {
    const bob = await Peer.connect(host, { user: "bob", "holdfast:rooms": false });
    expect(await bob.ask("join", { room: "kitchen" })).toMatchObject({ ok: true });
    await emit(1);
    expect(await bob.events.count(1)).toEqual([["n", 1]]);
  });

  it("stops being one when hello says so, and gets again with meta what it was sent without", async () => {
    const bob = await Peer.connect(host, { user: "bob" });
    bob.answers = () => undefined;
    await emit(1);
    expect(await bob.events.count(1)).toEqual([["n", 1]]);
    await bob.ask("hello", { frames: 1, rooms: { meta: true } });
    expect((await bob.events.count(2))[1]).toMatchObject(["n", 1, { id: "m1", sequence: 1 }]);
    await bob.ask("hello", { frames: 1, rooms: false });
    expect(await devices()).toEqual([]);
    await emit(2);
    bob.callbacks[0]?.();
    bob.callbacks[1]?.();
    const other = await Peer.connect(host, { user: "bob" });
    expect((await other.events.count(2)).map(([, n]) => n)).toEqual([1, 2]);
  });

  it("a name that is none is told by name; without an identity hello changes nothing", async () => {
    const bob = await Peer.connect(host, { user: "bob", "holdfast:rooms": false });
    expect((await bob.ask("hello", { frames: 1, rooms: { device: "no name" } })).error).toMatchObject({ code: "BAD_REQUEST" });
    expect((await bob.ask("hello", { frames: 1, rooms: true })).error).toMatchObject({ code: "BAD_REQUEST" });
    const nobody = await Peer.connect(host, {});
    expect(await nobody.ask("hello", { frames: 1, rooms: {} })).toMatchObject({ ok: true });
  });
});

describe("a connection whose device gets nothing", () => {
  it("is told why, and stays connected, when its user has as many devices as may be", async () => {
    for (let n = 1; n <= DEVICES_MAX; n++) {
      const device = await Peer.connect(host, { user: "bob", device: `d${n}` });
      expect(await device.ask("join", { room: "kitchen" })).toMatchObject({ ok: true });
    }
    const late = await Peer.connect(host, { user: "bob", device: "late" });
    const refusal = { code: "TOO_LARGE", message: expect.stringContaining("64 devices"), retryable: false };
    expect(await late.events.count(1)).toEqual([["holdfast:refused", { ...refusal, device: "late" }]]);
    expect((await late.ask("join", { room: "kitchen" })).error).toEqual(refusal);
    expect(late.events.items, "told once").toHaveLength(1);
    expect(late.socket.connected).toBe(true);
  });

  it("is told why when the handshake's name of it is none", async () => {
    const bob = await Peer.connect(host, { user: "bob", device: "no name" });
    const refusal = { code: "BAD_REQUEST", message: expect.stringContaining("no name"), retryable: false };
    expect(await bob.events.count(1)).toEqual([["holdfast:refused", refusal]]);
    expect(await bob.ask("join", { room: "kitchen", device: "phone" })).toMatchObject({ ok: true });
    await emit(1);
    expect((await bob.events.count(2))[1]).toEqual(["n", 1]);
  });
});
