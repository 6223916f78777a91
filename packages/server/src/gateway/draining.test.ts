import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask, consume, Happenings, type PlainDelivery, TestHost } from "./test-host.js";

let host: TestHost;

beforeEach(async () => {
  host = await TestHost.open();
});
afterEach(() => host.close());

const PATIENCE_MS = 20_000;

/** A client that holds two messages, and how it settles them. */
async function holding() {
  const client = await host.client();
  const deliveries = new Happenings<[PlainDelivery, (...args: unknown[]) => void]>();
  await consume(client, { queue: "orders", maxInFlight: 2 }, (delivery, settle) => deliveries.add([delivery, settle]));
  for (const body of [1, 2, 3]) await ask(client, "holdfast:publish", { queue: "orders", body });
  await deliveries.count(2);
  return { client, deliveries };
}

describe("a server that ends", () => {
  it("L3: waits until what clients hold is settled, and hands out and takes nothing meanwhile", async () => {
    const { client, deliveries } = await holding();
    const [[first] = [], [, settleSecond] = []] = await deliveries.count(2);
    let closed = false;
    const closing = host.holdfast.close({ settleMs: PATIENCE_MS }).then(() => {
      closed = true;
    });
    expect(await ask(client, "holdfast:publish", { queue: "orders", body: "late" })).toMatchObject({
      error: { code: "SHUTTING_DOWN", retryable: true },
    });
    const settled = await ask(client, "holdfast:settle", {
      consumer: first?.consumer,
      settlements: [{ token: first?.token, ack: true }],
    });
    expect(settled).toMatchObject({ ok: true, results: [{ ok: true }] });
    expect(closed).toBe(false);
    settleSecond?.();
    await closing;
    expect((await deliveries.count(2)).map(([{ body }]) => body)).toEqual([1, 2]);
  });

  it("does not wait for a client that left", async () => {
    const { client } = await holding();
    const closing = host.holdfast.close({ settleMs: PATIENCE_MS });
    client.disconnect();
    await closing;
  });

  it("waits no longer than it was told", async () => {
    await holding();
    const began = performance.now();
    await host.holdfast.close({ settleMs: 50 });
    expect(performance.now() - began).toBeLessThan(PATIENCE_MS);
  });
});
