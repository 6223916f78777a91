import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { PublishSection } from "./frame.js";
import { RecordView } from "./record-view.js";
import { TestServer, turnsUntil } from "./test-server.js";
import { publishTogether } from "./together.js";

let server: TestServer;

beforeEach(async () => {
  server = await TestServer.start();
});

afterEach(async () => {
  vi.restoreAllMocks();
  await server.stop();
});

const timingOf = ({ records }: PublishSection): unknown => new RecordView(records, 0, records.length).timing;

describe("delays and times to live", () => {
  test("travel in the record", async () => {
    const orders = server.connect().queue("orders");
    await orders.publish(1, { delayMs: 5_000 });
    await orders.publish(2, { delayMs: 0, ttlMs: 60_000 });
    await orders.publish(3, { ttlMs: 0 });
    await orders.publish(4);
    expect(server.publishes().map(timingOf)).toEqual([
      { delayMs: 5_000, ttlMs: undefined },
      { delayMs: 0, ttlMs: 60_000 },
      { delayMs: 0, ttlMs: 0 },
      undefined,
    ]);
  });

  test("notBefore counts from when the message is sent, so what waited in the outbox is not late", async () => {
    const now = vi.spyOn(Date, "now");
    const start = Date.now();
    now.mockImplementation(() => start);
    const holdfast = server.connect();
    const publishes = [
      holdfast.queue("orders").publish(1, { notBefore: new Date(start + 10_000) }),
      holdfast.queue("bills").publish(2, { notBefore: start - 1 }),
      publishTogether(holdfast, [{ queue: "mails", body: 3, notBefore: start + 10_000, ttlMs: 1_000 }]),
    ];
    now.mockImplementation(() => start + 4_000);
    server.onRequest = () => ({ ok: true, receipts: [{ id: "a", sequence: 1, duplicate: false }] });
    await Promise.all(publishes);
    await turnsUntil(() => server.requests.some(({ event }) => event === "holdfast:publish"));
    expect(server.publishes().map(timingOf)).toEqual([{ delayMs: 6_000, ttlMs: undefined }, undefined]);
    const sent = server.requests.find(({ event }) => event === "holdfast:publish");
    expect(sent?.payload).toEqual({ messages: [{ queue: "mails", body: 3, id: expect.any(String), delayMs: 6_000, ttlMs: 1_000 }] });
  });

  test.each([
    [{ delayMs: -1 }, "delayMs is -1"],
    [{ delayMs: 31_536_000_001 }, "expected whole, 0 to 31536000000"],
    [{ ttlMs: 0.5 }, "ttlMs is 0.5"],
    [{ delayMs: 1, notBefore: 1 }, "delayMs is 1, expected none with notBefore"],
    [{ notBefore: Date.now() + 31_536_100_000 }, "notBefore"],
    [{ notBefore: new Date(Number.NaN) }, "notBefore"],
  ])("%j is BAD_REQUEST", async (options, message) => {
    const publish = server.connect().queue("orders").publish(1, options);
    await expect(publish).rejects.toMatchObject({ code: "BAD_REQUEST", message: expect.stringContaining(message) });
  });
});
