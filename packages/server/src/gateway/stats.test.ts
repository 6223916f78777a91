import { admin } from "holdfast-client/admin";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../engines/conformance/manual-clock.js";
import { ask, consume, TestHost, until } from "./test-host.js";

let host: TestHost;
let clock: ManualClock;

beforeEach(async () => {
  clock = new ManualClock();
  host = await TestHost.open({ clock });
});

afterEach(() => host.close());

/** Publishes four messages, of which one is rejected and three are acked. */
async function work(): Promise<void> {
  const client = await host.client();
  await ask(client, "holdfast:define", { queue: "orders" });
  await consume(client, { queue: "orders" }, ({ body }, settle) => settle(body === 1 ? { reject: {} } : undefined));
  for (const body of [1, 2, 3, 4]) await ask(client, "holdfast:publish", { queue: "orders", body });
  await until(async () => {
    const { acked, dead } = await host.holdfast.queue("orders").stats();
    return acked === 3 && dead === 1;
  });
}

const AT_WORK = { published: 4, delivered: 4, acked: 3 };
const AT_REST = { published: 0, delivered: 0, acked: 0 };

describe("stats tell messages a second", () => {
  it("over the wire", async () => {
    await work();
    const client = await host.client();
    expect(await ask(client, "holdfast:stats", { queue: "orders" })).toMatchObject({ ok: true, perSecond: AT_WORK });
    await clock.advance(4_000);
    const { perSecond } = await ask(client, "holdfast:stats", { queue: "orders" });
    expect(perSecond).toEqual({ published: 1, delivered: 1, acked: 0.8 });
    await clock.advance(20_000);
    expect(await ask(client, "holdfast:stats", { queue: "orders" })).toMatchObject({ perSecond: AT_REST, published: 4 });
  });

  it("in the libraries", async () => {
    await work();
    const client = host.enter();
    const ways = [client.queue("orders"), admin(client).queue("orders"), host.holdfast.queue("orders")];
    for (const queue of ways) expect((await queue.stats()).perSecond).toEqual(AT_WORK);
    await clock.advance(20_000);
    for (const queue of ways) expect((await queue.stats()).perSecond).toEqual(AT_REST);
  });
});
