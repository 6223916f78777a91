import { ByteWriter, eachSection, FRAME_EVENT, type FrameWriter, readRefused, writeRecord } from "holdfast-client/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FrameClient } from "./frame-client.js";
import { TestHost } from "./test-host.js";

let host: TestHost;
let client: FrameClient;

beforeEach(async () => {
  host = await TestHost.open();
  client = await FrameClient.on(await host.client());
});

afterEach(() => host.close());

describe("malformed frames", () => {
  const record = (
    fields: {
      id?: string;
      event?: string;
      history?: string;
      headers?: Record<string, string>;
      priority?: number;
      delayMs?: number;
      ttlMs?: number;
    },
    body: unknown = 1,
  ): Uint8Array => {
    const writer = new ByteWriter();
    writeRecord(writer, { id: "a", ...fields }, body);
    return writer.take();
  };
  /** The same record with the time of six bytes taken for its body. */
  const cutTiming = (bytes: Uint8Array): Uint8Array => {
    const copy = Uint8Array.from(bytes);
    copy[9] = 0;
    return copy;
  };
  const publish =
    (records: Uint8Array, more: object = {}) =>
    (writer: FrameWriter, request: number) =>
      writer.publish({ request, atomic: false, queue: "q", producer: "p", firstNumber: 1, oldestOpen: 1, count: 1, records, ...more });

  const cases: readonly (readonly [name: string, write: (writer: FrameWriter, request: number) => void, code: string, message: string])[] =
    [
      ["queue name", publish(record({}), { queue: "no spaces" }), "BAD_REQUEST", 'queue is "no spaces"'],
      ["no producer", publish(record({}), { producer: "" }), "BAD_REQUEST", "producer is"],
      ["numbers", publish(record({}), { oldestOpen: 2 }), "BAD_REQUEST", "oldestOpen is 2"],
      ["count", publish(record({}), { count: 2 }), "BAD_REQUEST", "malformed frame"],
      ["record bounds", publish(record({}).subarray(0, 9)), "BAD_REQUEST", "malformed frame"],
      ["empty id", publish(record({ id: "" })), "BAD_REQUEST", "id has 0 bytes"],
      ["long id", publish(record({ id: "x".repeat(129) })), "BAD_REQUEST", "id has 129 bytes"],
      ["long event", publish(record({ event: "x".repeat(257) })), "BAD_REQUEST", "event has 257 bytes"],
      ["history", publish(record({ history: "{}" })), "BAD_REQUEST", "history"],
      ["long delay", publish(record({ delayMs: 31_536_000_001 })), "BAD_REQUEST", "delayMs is 31536000001"],
      ["long life", publish(record({ ttlMs: 31_536_000_001 })), "BAD_REQUEST", "ttlMs is 31536000001"],
      ["timing", publish(cutTiming(record({ delayMs: 1 }))), "BAD_REQUEST", "timing has 0 bytes"],
      ["headers", publish(record({ headers: { a: 1 as unknown as string } })), "BAD_REQUEST", "headers are not"],
      ["priority", publish(record({ priority: 10 })), "BAD_REQUEST", "priority 10, expected 0 to 9"],
      ["large", publish(record({}, "x".repeat(262_144))), "TOO_LARGE", "at most 262144"],
      ["many", publish(Buffer.concat(new Array(1_001).fill(record({}))), { atomic: true, count: 1_001 }), "TOO_LARGE", "at most 1000"],
      [
        "no leases",
        (writer, request) => writer.settle({ request, handle: 1, runs: [{ first: 1, count: 0, verb: "ack" }] }),
        "BAD_REQUEST",
        "0 leases",
      ],
      [
        "lease time",
        (writer, request) => writer.settle({ request, handle: 1, runs: [{ first: 1, count: 1, verb: "extend", leaseMs: 1 }] }),
        "BAD_REQUEST",
        "leaseMs is 1",
      ],
      [
        "settlements",
        (writer, request) => writer.settle({ request, handle: 1, runs: [{ first: 1, count: 10_001, verb: "ack" }] }),
        "TOO_LARGE",
        "10001 settlements",
      ],
    ];

  for (const [name, write, code, message] of cases) {
    it(`${name}: ${code}`, async () => {
      const request = client.section(write);
      const [refused] = await client.refused.count(1);
      expect(refused).toMatchObject({ request, error: { code, retryable: false } });
      expect(refused?.error.message).toContain(message);
      client.publish("q", 1, ["fine"]);
      expect(await client.receipts.count(1)).toMatchObject([{ runs: [{ count: 1, duplicate: false }] }]);
    });
  }

  it("what is no frame at all is refused as request 0, and too much of it ends the socket, nobody else's", async () => {
    const other = await FrameClient.on(await host.client());
    const garbage: unknown[][] = [
      ["text"],
      [],
      [Buffer.from([1, 2])],
      [Buffer.from([99, 0, 0, 0, 0]), 1],
      [Buffer.from([1, 255, 255, 255, 255])],
    ];
    for (const args of garbage) client.socket.emit(FRAME_EVENT, ...args);
    const refused = await client.refused.count(garbage.length);
    for (const { request, error } of refused) expect([request, error.code]).toEqual([0, "BAD_REQUEST"]);
    const gone = new Promise((resolve) => client.socket.once("disconnect", resolve));
    for (let left = 20 - garbage.length; left > 0; left--) client.socket.emit(FRAME_EVENT, left);
    expect(await gone).toBe("io server disconnect");
    expect(host.holdfast.counters.malformedFrames).toBe(20);
    other.publish("q", 1, ["fine"]);
    await other.receipts.count(1);
  });

  it("frames before hello are refused", async () => {
    const socket = await host.client();
    const refused = new Promise((resolve) => {
      socket.on(FRAME_EVENT, (frame: Uint8Array) => {
        eachSection(frame, (_type, content) => resolve(readRefused(content)));
      });
    });
    socket.emit(FRAME_EVENT, Buffer.from([1]));
    expect(await refused).toMatchObject({ request: 0, error: { message: expect.stringContaining("holdfast:hello comes first") } });
  });
});
