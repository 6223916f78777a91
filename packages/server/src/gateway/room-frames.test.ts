import { eachSection, FRAME_EVENT, readRefused, SECTION } from "holdfast-client/protocol";
import type { Socket as ClientSocket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ManualClock, turn } from "../engines/conformance/manual-clock.js";
import { createMemoryEngine } from "../engines/memory/memory-engine.js";
import { MemoryStore } from "../engines/memory/memory-store.js";
import { FailingStore } from "./failing-store.js";
import { SocketPort } from "./socket-port.js";
import { ask, Happenings, type Reply, TestHost, until } from "./test-host.js";

type Frame = readonly [room: number, target: object, first: number, redelivered: boolean, messages: readonly (readonly unknown[])[]];

/** A client that asked for room messages in frames, and reads them by hand. */
class FramePeer {
  readonly frames = new Happenings<Frame>();
  /** Each message as sequence, event and arguments. */
  readonly messages = new Happenings<readonly unknown[]>();
  readonly refused = new Happenings<{ readonly code: string; readonly message: string }>();
  readonly gaps = new Happenings<object>();
  readonly replaced = new Happenings<object>();
  /** Whether what came is acked at once. */
  acks = false;

  private constructor(readonly socket: ClientSocket) {
    socket.on(FRAME_EVENT, (frame: Frame | Uint8Array) =>
      Array.isArray(frame) ? this.#read(frame as unknown as Frame) : this.#bytes(frame as Uint8Array),
    );
    socket.on("holdfast:gap", (gap: object, callback: () => void) => {
      this.gaps.add(gap);
      callback();
    });
    socket.on("holdfast:replaced", (notice: object) => this.replaced.add(notice));
  }

  static async connect(host: TestHost, auth: object, namespace = "/"): Promise<FramePeer> {
    const peers: FramePeer[] = [];
    const socket = await host.client({ auth: { frames: 1, ...auth }, namespace, listen: (made) => peers.push(new FramePeer(made)) });
    await ask(socket, "holdfast:hello", { frames: 1 });
    return peers[0] ?? new FramePeer(socket);
  }

  #read(frame: Frame): void {
    const [room, , first, , messages] = frame;
    for (const [index, [event, , args]] of messages.entries()) this.messages.add([first + index, event, ...(args as unknown[])]);
    this.frames.add(frame);
    if (this.acks) this.settle([room, first, messages.length]);
  }

  #bytes(frame: Uint8Array): void {
    eachSection(frame, (type, content) => type === SECTION.refused && this.refused.add(readRefused(content).error));
  }

  settle(...settlements: readonly unknown[]): void {
    this.socket.emit(FRAME_EVENT, settlements);
  }

  ask(operation: string, payload: object): Promise<Reply> {
    return ask(this.socket, `holdfast:${operation}`, payload);
  }

  /** The number of the room that the first frame was of. */
  async room(): Promise<number> {
    const [frame] = await this.frames.count(1);
    return frame?.[0] ?? 0;
  }
}

const clock = new ManualClock();
let host: TestHost;

beforeEach(async () => {
  host = await TestHost.open({ clock });
});

afterEach(async () => {
  vi.restoreAllMocks();
  await host.close();
});

const emit = (peer: FramePeer, n: number): Promise<Reply> => peer.ask("emit", { room: "kitchen", event: "n", args: [n], id: `m-${n}` });

async function advanceUntil(stepMs: number, holds: () => boolean): Promise<void> {
  while (!holds()) {
    await clock.advance(stepMs);
    for (let turns = 0; turns < 20; turns++) await turn();
  }
}

const upTo = (count: number): (readonly unknown[])[] => Array.from({ length: count }, (_, index) => [index + 1, "n", index + 1]);

describe("room messages in frames", () => {
  it("come as they were emitted, with all that is known of them, also those with buffers and of the inbox", async () => {
    const ann = await FramePeer.connect(host, { user: "ann" });
    await ann.ask("join", { room: "kitchen" });
    const quote = { text: 'a "b" ü\u2028', list: [1, null] };
    await ann.ask("emit", { room: "kitchen", event: 'or"der', args: [quote, 2], id: 'i"d', key: "k", headers: { trace: "7" } });
    await ann.ask("emit", { room: "kitchen", event: "n", args: [], id: "b" });
    await ann.ask("emit", { room: "kitchen", event: "photo", args: [Buffer.from([1, 2]), { in: Buffer.from([3]) }], id: "c" });
    await host.holdfast.to("kitchen").with({ id: "d", key: "k" }).emit("n", 4);
    await host.holdfast.to({ user: "ann" }).with({ id: "e" }).emit("n", 5);
    const frames = await ann.frames.count(5);
    const room = frames[0]?.[0];
    const about = [room, { room: "kitchen" }];
    expect(frames.slice(0, 4)).toEqual([
      [...about, 1, false, [['or"der', 'i"d', [quote, 2], "ann", "k", { trace: "7" }]]],
      [...about, 2, false, [["n", "b", [], "ann"]]],
      [...about, 3, false, [["photo", "c", [Buffer.from([1, 2]), { in: Buffer.from([3]) }], "ann"]]],
      [...about, 4, false, [["n", "d", [4], null, "k"]]],
    ]);
    expect(frames[4]).toEqual([expect.any(Number), { user: "ann" }, 1, false, [["n", "e", [5]]]]);
    expect(frames[4]?.[0]).not.toBe(room);
  });

  it("are encoded once for all devices that come to the same place, now or later, many in one packet", async () => {
    const users = ["ann", "bob", "cid", "dan"];
    for (const user of users) await host.holdfast.room("kitchen").add({ user });
    const encode = vi.spyOn(SocketPort.prototype, "encodeJson");
    const peers = await Promise.all(users.slice(0, 3).map((user) => FramePeer.connect(host, { user })));
    await Promise.all(Array.from({ length: 10 }, (_, index) => host.holdfast.to("kitchen").emit("n", index + 1)));
    for (const peer of peers) expect(await peer.messages.count(10)).toEqual(upTo(10));
    const late = await FramePeer.connect(host, { user: "dan" });
    expect(await late.messages.count(10)).toEqual(upTo(10));
    expect(peers[0]?.frames.items).toHaveLength(1);
    expect(encode).toHaveBeenCalledTimes(1);
  });

  it("S2: what was missed and what is live join without a gap, beyond the window, as they are acked", async () => {
    const ann = await FramePeer.connect(host, { user: "ann" });
    await host.holdfast.room("kitchen").add({ user: "bob" });
    for (let n = 1; n <= 600; n++) await emit(ann, n);
    const bob = await FramePeer.connect(host, { user: "bob" });
    await bob.messages.count(256);
    await bob.ask("list", { kind: "rooms" });
    expect(bob.messages.items).toHaveLength(256);
    bob.acks = true;
    bob.settle([await bob.room(), 1, 256]);
    for (let n = 601; n <= 700; n++) await emit(ann, n);
    expect(await bob.messages.count(700)).toEqual(upTo(700));
    await until(async () => {
      const { counts } = await ann.ask("receipts", { room: "kitchen", id: "m-700" });
      return (counts as { delivered: number }).delivered === 1;
    });
  });

  it("S3: a nack brings a message again, redelivered, after its delay or the server's", async () => {
    const ann = await FramePeer.connect(host, { user: "ann" });
    await ann.ask("join", { room: "kitchen" });
    for (let n = 1; n <= 4; n++) await emit(ann, n);
    await ann.messages.count(4);
    const room = await ann.room();
    ann.settle([room, 1, 1], [room, 2, 1, 60_000], [room, 3, 1]);
    await ann.ask("list", { kind: "rooms" });
    ann.settle([room, 4, 1]);
    await ann.ask("list", { kind: "rooms" });
    await clock.advance(59_999);
    await ann.ask("list", { kind: "rooms" });
    expect(ann.messages.items).toHaveLength(4);
    await advanceUntil(1, () => ann.messages.items.length === 5);
    expect(ann.frames.items.at(-1)).toEqual([room, { room: "kitchen" }, 2, true, [["n", "m-2", [2], "ann"]]]);
    ann.settle([room, 2, 1, null]);
    await ann.ask("list", { kind: "rooms" });
    await advanceUntil(100, () => ann.messages.items.length === 6);
    expect(ann.messages.items.at(-1)).toEqual([2, "n", 2]);
  });

  it("S4: what was nacked five times is told as a gap, between the frames before and after it", async () => {
    const ann = await FramePeer.connect(host, { user: "ann" });
    await ann.ask("join", { room: "kitchen" });
    await emit(ann, 1);
    const room = await ann.room();
    for (let attempt = 1; attempt <= 5; attempt++) {
      await advanceUntil(0, () => ann.messages.items.length >= attempt);
      ann.settle([room, 1, 1, 0]);
      await ann.ask("list", { kind: "rooms" });
    }
    expect(await ann.gaps.count(1)).toEqual([{ room: "kitchen", from: 1, to: 1, reason: "attempts" }]);
    await emit(ann, 2);
    expect((await ann.messages.count(6)).at(-1)).toEqual([2, "n", 2]);
  });

  it("after a reconnect all above the cursor comes again; what was acked to the cursor does not", async () => {
    const ann = await FramePeer.connect(host, { user: "ann" });
    await ann.ask("join", { room: "kitchen" });
    for (let n = 1; n <= 5; n++) await emit(ann, n);
    await ann.messages.count(5);
    const room = await ann.room();
    ann.settle([room, 1, 2], [room, 4, 1]);
    await ann.ask("list", { kind: "rooms" });
    ann.socket.disconnect();
    const again = await FramePeer.connect(host, { user: "ann" });
    expect(await again.messages.count(3)).toEqual(upTo(5).slice(2));
    expect(again.frames.items.map(([, , , redelivered]) => redelivered)).toEqual([true]);
  });

  it("stop when another connection becomes the device, whose settlements then count and the former's do not", async () => {
    const ann = await FramePeer.connect(host, { user: "ann" });
    await ann.ask("join", { room: "kitchen" });
    await emit(ann, 1);
    const room = await ann.room();
    const other = await FramePeer.connect(host, { user: "ann" });
    expect(await ann.replaced.count(1)).toEqual([{ device: "default" }]);
    ann.settle([room, 1, 1]);
    await ann.ask("list", { kind: "rooms" });
    expect(host.holdfast.counters.staleCallbacks).toBe(1);
    await other.messages.count(1);
    await emit(ann, 2);
    expect((await other.messages.count(2)).at(-1)).toEqual([2, "n", 2]);
    expect(ann.messages.items).toHaveLength(1);
  });

  it("come again when the engine has begun a new life, and then go on", async () => {
    const store = new FailingStore(new MemoryStore());
    const other = await TestHost.open({ engine: createMemoryEngine({ store }) });
    const ann = await FramePeer.connect(other, { user: "ann" });
    await ann.ask("join", { room: "kitchen" });
    await emit(ann, 1);
    await ann.messages.count(1);
    store.fails = true;
    expect((await emit(ann, 2)).error).toMatchObject({ code: "UNKNOWN" });
    store.fails = false;
    await until(() => other.holdfast.ready);
    ann.acks = true;
    await ann.messages.count(2);
    await emit(ann, 3);
    expect((await ann.messages.count(3)).map(([, , n]) => n)).toEqual([1, 1, 3]);
    await until(async () => {
      const { counts } = await ann.ask("receipts", { room: "kitchen", id: "m-3" });
      return (counts as { delivered: number }).delivered === 1;
    });
    await other.close();
  });

  it("come to a namespace's sockets, and as values to those of a server with another parser", async () => {
    const orders = host.io.of("/orders");
    host.holdfast.attach(orders);
    const ann = await FramePeer.connect(host, { user: "ann" }, "/orders");
    await ann.ask("join", { room: "kitchen" });
    vi.spyOn(SocketPort.prototype, "encodeJson").mockReturnValueOnce(undefined);
    await emit(ann, 1);
    await emit(ann, 2);
    expect(await ann.messages.count(2)).toEqual(upTo(2));
  });
});

describe("settlements of rooms in frames", () => {
  const wrong: readonly (readonly [what: string, frame: unknown, message: string])[] = [
    ["nothing", [], "malformed frame: 0 settlements, expected 1 to 1024"],
    ["too many", Array.from({ length: 1_025 }, () => [1, 1, 1]), "malformed frame: 1025 settlements, expected 1 to 1024"],
    ["no array", [7], "malformed frame: settlement 0 is 7, expected [room, first, count] or [room, first, count, delayMs]"],
    [
      "too short",
      [
        [1, 1, 1],
        [1, 2],
      ],
      "malformed frame: settlement 1 is an array of 2, expected [room, first, count] or [room, first, count, delayMs]",
    ],
    ["a room that is no number", [["kitchen", 1, 1]], 'malformed frame: settlement 0, room is "kitchen", expected the number of a room'],
    ["a sequence below 0", [[1, -1, 1]], "malformed frame: settlement 0, first is -1, expected a sequence"],
    ["no messages", [[1, 1, 0]], "malformed frame: settlement 0, count is 0, expected 1 to 65535"],
    ["a fraction of a delay", [[1, 1, 1, 0.5]], "malformed frame: settlement 0, delayMs is 0.5, expected 0 to 31536000000, or null"],
  ];
  it.each(wrong)("are refused when they are %s, and none of them counts", async (_what, frame, message) => {
    const ann = await FramePeer.connect(host, { user: "ann" });
    ann.socket.emit(FRAME_EVENT, frame);
    const [error] = await ann.refused.count(1);
    expect(error?.message).toBe(message);
    expect(error?.code).toBe(message.includes("1025") ? "TOO_LARGE" : "BAD_REQUEST");
    expect(host.holdfast.counters.malformedFrames).toBe(1);
  });

  it("are refused before hello, and to nobody in particular", async () => {
    const early = await host.client({ auth: { user: "ann", frames: 1 } });
    const refused = new Happenings<string>();
    const listen = (socket: ClientSocket): void => {
      socket.on(FRAME_EVENT, (bytes: Uint8Array) => {
        eachSection(bytes, (_type, content) => refused.add(readRefused(content).error.message));
      });
    };
    listen(early);
    early.emit(FRAME_EVENT, [[1, 1, 1]]);
    expect(await refused.count(1)).toEqual(["malformed frame: holdfast:hello comes first"]);
    const nobody = await host.client();
    listen(nobody);
    await ask(nobody, "holdfast:hello", { frames: 1 });
    nobody.emit(FRAME_EVENT, [[1, 1, 1]]);
    expect((await refused.count(2))[1]).toContain("rooms are for users");
  });

  it("of rooms, messages and sessions that are not the device's change nothing", async () => {
    const ann = await FramePeer.connect(host, { user: "ann" });
    await ann.ask("join", { room: "kitchen" });
    await emit(ann, 1);
    const room = await ann.room();
    const bob = await FramePeer.connect(host, { user: "bob" });
    bob.settle([room, 1, 1]);
    await bob.ask("list", { kind: "rooms" });
    ann.settle([room, 2, 5], [999, 1, 1]);
    await ann.ask("list", { kind: "rooms" });
    expect(host.holdfast.counters.staleCallbacks).toBe(3);
    const { counts } = await ann.ask("receipts", { room: "kitchen", id: "m-1" });
    expect(counts).toMatchObject({ delivered: 0, pending: 1 });
  });
});
