import { ByteWriter, HoldfastError, writeRecord } from "holdfast-client/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FrameClient } from "./frame-client.js";
import { ask, consume, Happenings, type PlainDelivery, TestHost, until } from "./test-host.js";

let host: TestHost;

beforeEach(async () => {
  host = await TestHost.open();
});

afterEach(() => host.close());

describe("priority in plain events", () => {
  it("the highest is delivered first, with its priority unless that is 0; peek shows the same", async () => {
    const client = await host.client();
    await ask(client, "holdfast:publish", { queue: "q", body: "low" });
    await ask(client, "holdfast:publish", {
      queue: "q",
      messages: [
        { body: "zero", priority: 0 },
        { body: "high", priority: 9 },
      ],
    });
    const peeked = await ask(client, "holdfast:peek", { queue: "q" });
    expect(Object(peeked).items.map((item: object) => ["priority" in item, Object(item).priority])).toEqual([
      [false, undefined],
      [false, undefined],
      [true, 9],
    ]);
    const got = new Happenings<PlainDelivery & { priority?: number }>();
    await consume(client, { queue: "q", maxInFlight: 1 }, (delivery, callback) => {
      got.add(delivery);
      callback();
    });
    const delivered = await got.count(3);
    expect(delivered.map(({ body, priority }) => [body, priority])).toEqual([
      ["high", 9],
      ["low", undefined],
      ["zero", undefined],
    ]);
  });

  it("is BAD_REQUEST above the queue's levels, and on an ordered queue, for a whole array", async () => {
    const client = await host.client();
    await ask(client, "holdfast:define", { queue: "few", priorities: 2 });
    await ask(client, "holdfast:define", { queue: "keyed", ordering: "key" });
    const refusals = [
      { queue: "few", body: 1, priority: 2 },
      { queue: "keyed", body: 1, key: "a", priority: 1 },
      {
        messages: [
          { queue: "few", body: 1 },
          { queue: "keyed", body: 1, key: "a", priority: 1 },
        ],
      },
    ];
    const messages = ["priority is 2, expected 0 to 1: priorities is 2", 'expected 0: ordering is "key"', 'expected 0: ordering is "key"'];
    for (const [index, request] of refusals.entries()) {
      const reply = await ask(client, "holdfast:publish", request);
      expect(reply).toMatchObject({ ok: false, error: { code: "BAD_REQUEST", retryable: false } });
      expect(Object(reply).error.message).toContain(messages[index]);
    }
    for (const queue of ["few", "keyed"]) expect(await ask(client, "holdfast:stats", { queue })).toMatchObject({ published: 0 });
  });
});

describe("priority in frames", () => {
  it("travels in the record, there and back; a refused one leaves the others stored", async () => {
    const client = await FrameClient.on(await host.client());
    await ask(client.socket, "holdfast:define", { queue: "q", priorities: 5 });
    const records = new ByteWriter();
    for (const priority of [0, 5, 4]) writeRecord(records, { id: `p-${priority}`, priority }, priority);
    const section = { atomic: false, queue: "q", producer: "p", firstNumber: 1, oldestOpen: 1, count: 3, records: records.take() };
    client.section((writer, request) => writer.publish({ request, ...section }));
    const [receipts] = await client.receipts.count(1);
    expect(receipts?.runs.map(({ count, error }) => [count, error?.code])).toEqual([
      [1, undefined],
      [1, "BAD_REQUEST"],
      [1, undefined],
    ]);
    await ask(client.socket, "holdfast:consume", { frames: true, queue: "q", maxInFlight: 10 });
    expect((await client.delivered.count(2)).map(({ body, priority }) => [body, priority])).toEqual([
      [4, 4],
      [0, 0],
    ]);
  });
});

describe("priority in the server's process", () => {
  it("is published, delivered and refused alike", async () => {
    const queue = host.holdfast.queue<string>("q", { priorities: 3 });
    await queue.publish("low");
    await queue.publish("high", { priority: 2 });
    await expect(queue.publish("higher", { priority: 3 })).rejects.toThrow(HoldfastError);
    const got: [string, number][] = [];
    queue.consume(async ({ body, priority }) => void got.push([body, priority]), { maxInFlight: 1 });
    await until(() => got.length === 2);
    expect(got).toEqual([
      ["high", 2],
      ["low", 0],
    ]);
  });
});
