import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../engines/conformance/manual-clock.js";
import { GatedStore } from "../engines/gated-store.js";
import { createMemoryEngine } from "../engines/memory/memory-engine.js";
import { MemoryStore } from "../engines/memory/memory-store.js";
import { FrameClient } from "./frame-client.js";
import { ask, TestHost, until } from "./test-host.js";

let clock: ManualClock;
let store: GatedStore;
let host: TestHost;

beforeEach(async () => {
  clock = new ManualClock();
  store = new GatedStore(new MemoryStore());
  host = await TestHost.open({ clock, engine: createMemoryEngine({ clock, store }) });
});

afterEach(() => host.close());

const framed = async (): Promise<FrameClient> => FrameClient.on(await host.client());

describe("two connections that resume one consumer at once", () => {
  it("L5: one gets it, the other NOT_FOUND, and the consumer outlives the loser's connection", async () => {
    const [original, ...rivals] = [await framed(), await framed(), await framed()];
    const [first, second] = rivals;
    if (first === undefined || second === undefined) throw new Error("two rivals");
    const { consumer } = await ask(original.socket, "holdfast:consume", { queue: "q", frames: true, maxInFlight: 10 });
    original.publish("q", 1, [1, 2, 3, 4, 5]);
    await original.delivered.count(5);
    // The first resumption waits for the release of what its client does not hold.
    const commit = store.hold("before write");
    const request = { queue: "q", frames: true, consumer, held: [] };
    const replies = [ask(first.socket, "holdfast:consume", request)];
    await commit.reached;
    replies.push(ask(second.socket, "holdfast:consume", request));
    // A socket's requests are begun in their order, so with these replies both resumptions are under way.
    for (const { socket } of rivals) await ask(socket, "holdfast:list", { kind: "queues" });
    await commit.open();
    const outcomes = (await Promise.all(replies)).map(({ ok, error }) => (ok ? "ok" : error?.code));
    expect([...outcomes].sort()).toEqual(["NOT_FOUND", "ok"]);

    const [winner, loser] = outcomes[0] === "ok" ? [first, second] : [second, first];
    for (const gone of [original, loser]) gone.socket.disconnect();
    await until(() => host.io.of("/").sockets.size === 1);
    await clock.advance(6_000);
    const delivered = await winner.delivered.count(5);
    expect(delivered.map(({ body }) => Number(body)).sort()).toEqual([1, 2, 3, 4, 5]);
    expect(await host.holdfast.queue("q").stats()).toMatchObject({ consumers: 1, inFlight: 5 });
  });
});
