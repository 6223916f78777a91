import { LIMITS } from "holdfast-client/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FrameClient } from "./frame-client.js";
import { ask, TestHost } from "./test-host.js";

/** As many sections as fit a frame, each short, but with work for as many leases as a section may name. */
const SECTIONS = 20_000;
const SETTLEMENTS_MAX = 100_000;

let host: TestHost;

beforeEach(async () => {
  host = await TestHost.open();
});

afterEach(() => host.close());

/** A client that speaks frames; `user` is who the host takes it for. */
const framed = async (user?: string): Promise<FrameClient> =>
  FrameClient.on(await host.client(user === undefined ? {} : { auth: { user } }));

describe("settlements in one frame", () => {
  it("C2: are bounded over all its sections; more of them is refused, and nobody else waits for it", async () => {
    const [client, other] = [await framed(), await framed()];
    const { handle } = await ask(client.socket, "holdfast:consume", { queue: "q", frames: true });
    const gone = new Promise((resolve) => client.socket.once("disconnect", resolve));
    const run = { first: 1, count: LIMITS.maxInFlightMax, verb: "ack" } as const;
    client.section((writer) => {
      for (let request = 1; request <= SECTIONS; request++) writer.settle({ request, handle: Number(handle), runs: [run] });
    });
    expect(await gone).toBe("io server disconnect");
    expect(new Set(client.refused.items.map(({ error }) => error.code))).toEqual(new Set(["TOO_LARGE"]));
    const settled = client.settled.items.flatMap(({ runs }) => runs).reduce((sum, { count }) => sum + count, 0);
    expect(settled).toBeLessThanOrEqual(SETTLEMENTS_MAX);
    other.publish("q", 1, ["fine"]);
    expect(await other.receipts.count(1)).toMatchObject([{ runs: [{ count: 1, duplicate: false }] }]);
  });
});

describe("a producer's numbers", () => {
  /** Who publishes as what that could be taken for bob's producer `p`. */
  const others: readonly (readonly [who: string, user: string | undefined, producer: string])[] = [
    ["another user", "alice", "p"],
    ["a client without a name", undefined, "p"],
    ["a client without a name that writes bob's before it", undefined, "bob\np"],
  ];
  for (const [who, user, producer] of others) {
    it(`P4: are not used up by who knows its id: ${who}`, async () => {
      const [bob, thief] = [await framed("bob"), await framed(user)];
      bob.publish("q", 1, ["one"]);
      await bob.receipts.count(1);
      for (const firstNumber of [1, 2, 2 ** 40]) {
        thief.publish("q", firstNumber, ["theirs"], { producer });
      }
      await thief.receipts.count(3);
      bob.publish("q", 2, ["two"]);
      expect((await bob.receipts.count(2))[1]?.runs).toMatchObject([{ count: 1, duplicate: false }]);
      expect((await host.holdfast.queue("q").peek()).items.map(({ body }) => body)).toContain("two");
    });
  }
});
