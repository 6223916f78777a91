import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { admin } from "./admin.js";
import { HoldfastError, type Receipt } from "./index.js";
import { bodiesOf, firstRecords, idsOf, prioritiesOf, refusal, TestServer, turnsUntil } from "./test-server.js";
import { publishTogether } from "./together.js";

let server: TestServer;

beforeEach(async () => {
  server = await TestServer.start();
});

afterEach(() => server.stop());

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof HoldfastError ? error.code : "none";
};

/** A promise whose fate is not the test's matter. */
const abandon = (promise: Promise<unknown>): void => void promise.catch(() => {});

/** How often a TCP socket gives something to the system from now on. */
function countWrites(socket: Socket): () => number {
  const writev = vi.spyOn(socket as unknown as { _writev(): void }, "_writev");
  const write = vi.spyOn(socket, "_write");
  return () => writev.mock.calls.length + write.mock.calls.length;
}

const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, index) => from + index);

describe("frames", () => {
  test("what is published in one turn travels in one frame, a section per queue", async () => {
    const holdfast = server.connect();
    await admin(holdfast).queues();
    const orders = holdfast.queue("orders");
    const publishes = [1, 2, 3].map((body) => orders.publish(body));
    publishes.push(holdfast.queue("bills").publish({ sum: 4 }));
    const receipts = await Promise.all(publishes);

    expect(server.frames).toHaveLength(1);
    const [first, second] = server.publishes();
    expect(first).toMatchObject({ queue: "orders", firstNumber: 1, oldestOpen: 1, count: 3, atomic: false });
    expect(second).toMatchObject({ queue: "bills", firstNumber: 1, count: 1 });
    expect(first && bodiesOf(first)).toEqual([1, 2, 3]);
    expect(receipts.map(({ sequence, duplicate }) => [sequence, duplicate])).toEqual([
      [1, false],
      [2, false],
      [3, false],
      [1, false],
    ]);
    expect(receipts.map(({ id }) => id)).toEqual([...(first ? idsOf(first) : []), ...(second ? idsOf(second) : [])]);
  });

  test("a priority travels in the record; one that no queue has is refused here", async () => {
    const orders = server.connect().queue("orders");
    await Promise.all([orders.publish(1, { priority: 9 }), orders.publish(2), orders.publish(3, { id: "chosen", priority: 4 })]);
    await orders.publishAll([{ body: 4, priority: 1 }, { body: 5 }]);
    expect(server.publishes().flatMap(prioritiesOf)).toEqual([9, 0, 4, 1, 0]);
    for (const priority of [10, -1, 1.5, "5" as unknown as number]) {
      await expect(orders.publish(6, { priority })).rejects.toMatchObject({
        code: "BAD_REQUEST",
        message: expect.stringContaining(`priority is ${JSON.stringify(priority)}`),
      });
    }
  });

  test("half a window of one turn does not wait for its end", async () => {
    const holdfast = server.connect();
    await admin(holdfast).queues();
    await Promise.all(range(1_000).map((body) => holdfast.queue("orders").publish(body)));
    expect(server.frames.map(({ publishes }) => publishes.map(({ firstNumber, count }) => [firstNumber, count]))).toEqual([
      [[1, 512]],
      [[513, 488]],
    ]);
  });

  test("a frame's two packets are one write", async () => {
    const holdfast = server.connect();
    await admin(holdfast).queues();
    const { transport } = holdfast.socket.io.engine as unknown as { transport: { ws: { _socket: Socket } } };
    const writes = countWrites(transport.ws._socket);
    await holdfast.queue("orders").publish(1);
    expect(writes()).toBe(1);
    expect(server.frames).toHaveLength(1);
  });

  test("frames do not wait for each other's answer", async () => {
    server.onPublish = () => undefined;
    const holdfast = server.connect();
    await admin(holdfast).queues();
    abandon(holdfast.queue("orders").publish(1));
    await server.until(() => server.frames.length === 1);
    abandon(holdfast.queue("orders").publish(2));
    await server.until(() => server.frames.length === 2);
    expect(server.publishes().map(({ firstNumber, oldestOpen }) => [firstNumber, oldestOpen])).toEqual([
      [1, 1],
      [2, 1],
    ]);
  });

  test("no more than 1,024 numbers of a queue are open", async () => {
    server.onPublish = () => undefined;
    const holdfast = server.connect();
    const orders = holdfast.queue("orders");
    for (const body of range(1_500)) abandon(orders.publish(body));
    await server.until(() => server.frames.length === 1);
    const [section] = server.publishes();
    expect(section?.count).toBe(1_024);
    server.onPublish = (later) => server.store({ ...later, oldestOpen: later.firstNumber });
    if (section !== undefined) server.send((frame) => frame.receipts(section.request, [{ count: 1_024, sequence: 1, duplicate: false }]));
    await server.until(() => server.publishes().length === 2);
    expect(server.publishes()[1]).toMatchObject({ firstNumber: 1_025, oldestOpen: 1_025, count: 476 });
  });

  test("a frame is split at the size the server takes", async () => {
    server.hello = { ...server.hello, frameBytesMax: 10_000 };
    const holdfast = server.connect();
    const bodies = range(20).map((number) => `${number}`.padEnd(1_000, "x"));
    await Promise.all(bodies.map((body) => holdfast.queue("orders").publish(body)));
    expect(server.frames.length).toBe(3);
    expect(server.stored.get("orders")).toEqual(bodies);
  });

  test("a message that the server takes in no frame fails alone", async () => {
    server.hello = { ...server.hello, limits: { bodyBytesMax: 5_000 } };
    const holdfast = server.connect();
    const orders = holdfast.queue("orders");
    const publishes = ["a", "b".repeat(6_000), "c"].map((body) => orders.publish(body));
    const array = orders.publishAll([{ body: "d" }, { body: "e".repeat(6_000) }]);
    expect(await Promise.all([...publishes, array].map(codeOf))).toEqual(["none", "TOO_LARGE", "none", "TOO_LARGE"]);
    expect(server.stored.get("orders")).toEqual(["a", "c"]);
    expect(server.publishes().map(({ firstNumber, count }) => [firstNumber, count])).toEqual([
      [1, 1],
      [2, 1],
    ]);
  });

  test("an array is one atomic section and never split", async () => {
    const holdfast = server.connect();
    const orders = holdfast.queue("orders");
    const [before, array, after] = await Promise.all([
      orders.publish("before"),
      orders.publishAll(range(1_000).map((body) => ({ body }))),
      orders.publish("after"),
    ]);
    const sections = server.publishes();
    expect(sections.map(({ atomic, count }) => [atomic, count])).toEqual([
      [false, 1],
      [true, 1_000],
      [false, 1],
    ]);
    expect(array.map(({ sequence }) => sequence)).toEqual(range(1_000, 2));
    expect([before.sequence, after.sequence]).toEqual([1, 1_002]);
    expect(await codeOf(orders.publishAll(range(1_001).map((body) => ({ body }))))).toBe("TOO_LARGE");
    expect(await orders.publishAll([])).toEqual([]);
  });
});

describe("resends", () => {
  test("after a reconnect the unconfirmed go first, with the same numbers and ids, then what is new", async () => {
    const holdfast = server.connect();
    const orders = holdfast.queue("orders");
    // Stored, but the receipts are lost with the connection.
    server.onPublish = (section) => {
      server.store(section);
      return undefined;
    };
    const publishes = range(3).map((body) => orders.publish(body));
    await server.until(() => server.frames.length === 1);
    server.onPublish = (section) => server.store(section);
    server.cut();
    publishes.push(orders.publish(3, { id: "chosen" }));
    const receipts = await Promise.all(publishes);

    const [first, second] = server.publishes();
    expect(second).toMatchObject({ firstNumber: 1, oldestOpen: 1, count: 4, producer: first?.producer });
    expect(second && idsOf(second)).toEqual([...(first ? idsOf(first) : []), "chosen"]);
    expect(receipts.map(({ sequence, duplicate }) => [sequence, duplicate])).toEqual([
      [1, true],
      [2, true],
      [3, true],
      [4, false],
    ]);
    expect(server.stored.get("orders")).toEqual([0, 1, 2, 3]);
  });

  test("messages refused for a passing reason keep their number and their place", async () => {
    let full = true;
    server.onPublish = (section) => {
      if (!full || section.firstNumber + section.count <= 3) return server.store(section);
      const stored = section.firstNumber < 3 ? server.store({ ...section, count: 2, records: firstRecords(section.records, 2) }) : [];
      return [...stored, refusal("QUEUE_FULL", section.count - stored.length)];
    };
    const holdfast = server.connect();
    const orders = holdfast.queue("orders");
    const publishes = range(5).map((body) => orders.publish(body));
    await server.until(() => server.frames.length === 1);
    publishes.push(orders.publish(5));
    await Promise.all(publishes.slice(0, 2));
    full = false;
    const receipts = await Promise.all(publishes);
    expect(receipts.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(server.stored.get("orders")).toEqual(range(6));
    expect(server.publishes().at(-1)).toMatchObject({ firstNumber: 3, oldestOpen: 3 });
  });

  test("what is refused for good fails alone and leaves its number behind", async () => {
    server.onPublish = (section) =>
      section.firstNumber === 1
        ? [{ count: 1, sequence: 1, duplicate: false }, refusal("ID_CONFLICT"), { count: 1, sequence: 2, duplicate: false }]
        : [{ count: 1, sequence: 3, duplicate: false }];
    const orders = server.connect().queue("orders");
    const publishes: Promise<Receipt>[] = range(3).map((body) => orders.publish(body));
    expect(await Promise.all(publishes.map(codeOf))).toEqual(["none", "ID_CONFLICT", "none"]);
    expect((await orders.publish(3)).sequence).toBe(3);
    expect(server.publishes().at(-1)).toMatchObject({ firstNumber: 4, oldestOpen: 4 });
  });

  test("a refusal says nothing of what was sent before a connection was lost", async () => {
    const refused = { code: "FORBIDDEN", message: "not any more", retryable: false } as const;
    server.onPublish = () => undefined;
    server.onRequest = () => undefined;
    const holdfast = server.connect();
    const publishes: Promise<unknown>[] = [holdfast.queue("orders").publish(1), publishTogether(holdfast, [{ queue: "bills", body: 2 }])];
    await server.until(() => server.publishes().length === 1 && server.events().includes("holdfast:publish"));
    server.onPublish = ({ count }) => [{ count, sequence: 0, duplicate: false, error: refused }];
    server.onRequest = () => ({ ok: false, error: refused });
    server.cut();
    await turnsUntil(() => !holdfast.socket.connected);
    publishes.push(holdfast.queue("orders").publish(3));
    expect(await Promise.all(publishes.map(codeOf))).toEqual(["UNKNOWN", "UNKNOWN", "FORBIDDEN"]);
  });

  test("a section refused as a whole is resent as a whole", async () => {
    let refusals = 2;
    server.onPublish = (section) => {
      if (refusals-- <= 0) return server.store(section);
      const error = { code: "RATE_LIMITED", message: "slowly", retryable: true } as const;
      server.send((frame) => frame.refused(section.request, error));
      return undefined;
    };
    const orders = server.connect().queue("orders");
    const receipts = await Promise.all(range(3).map((body) => orders.publish(body)));
    expect(receipts.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect(server.publishes().map(({ firstNumber }) => firstNumber)).toEqual([1, 1, 1]);
  });
});

describe("outbox", () => {
  test("is bounded and says by what", async () => {
    const holdfast = server.connect({ autoConnect: false, outboxMessagesMax: 3, outboxBytesMax: 1_000 });
    const orders = holdfast.queue("orders");
    const kept = range(3).map((body) => orders.publish(body));
    await expect(orders.publish(3)).rejects.toMatchObject({
      code: "OUTBOX_FULL",
      message: expect.stringMatching(/^4 messages of \d+ bytes, expected up to 3 of 1000$/),
    });
    await expect(orders.publishAll([{ body: "y".repeat(2_000) }])).rejects.toMatchObject({
      message: expect.stringMatching(/ messages of 2\d\d\d bytes, expected up to 3 of 1000$/),
    });
    holdfast.socket.connect();
    await Promise.all(kept);
    await orders.publish(3);
    expect(server.stored.get("orders")).toEqual([0, 1, 2, 3]);
  });

  test("an abort or a timeout takes back what was never sent, and leaves no hole", async () => {
    const holdfast = server.connect({ autoConnect: false });
    const orders = holdfast.queue("orders");
    const abort = new AbortController();
    const first = orders.publish("first");
    const aborted = orders.publish("aborted", { signal: abort.signal });
    const late = orders.publish("late", { timeoutMs: 1 });
    const array = orders.publishAll([{ body: "a" }, { body: "b" }], { signal: abort.signal });
    const together = publishTogether(holdfast, [{ queue: "orders", body: "c" }], { signal: abort.signal });
    const last = orders.publish("last");
    abort.abort();
    expect(await Promise.all([aborted, late, array, together].map(codeOf))).toEqual(["ABORTED", "ABORTED", "ABORTED", "ABORTED"]);
    expect(await codeOf(orders.publish("too late", { signal: abort.signal }))).toBe("ABORTED");
    holdfast.socket.connect();
    await Promise.all([first, last]);
    expect(server.stored.get("orders")).toEqual(["first", "last"]);
    expect(server.publishes()).toMatchObject([{ firstNumber: 1, count: 2 }]);
  });

  test("what was sent goes on being sent when nobody waits for it any more", async () => {
    server.onPublish = () => undefined;
    const holdfast = server.connect({ publishTimeoutMs: 60_000 });
    const orders = holdfast.queue("orders");
    const abort = new AbortController();
    const publishes = [orders.publish(1, { signal: abort.signal }), orders.publish(2, { timeoutMs: 300 })];
    await server.until(() => server.frames.length === 1);
    abort.abort();
    expect(await Promise.all(publishes.map(codeOf))).toEqual(["UNKNOWN", "UNKNOWN"]);
    server.onPublish = (section) => server.store(section);
    server.cut();
    await orders.publish(3);
    expect(server.stored.get("orders")).toEqual([1, 2, 3]);
  });

  test("a body is read when it is published", async () => {
    const holdfast = server.connect({ autoConnect: false });
    const orders = holdfast.queue("orders");
    const body = { item: "cod", photo: new Uint8Array([1, 2]) };
    const bytes = new Uint8Array([3]);
    const publishes = [
      orders.publish(body),
      orders.publish(bytes),
      publishTogether(holdfast, [{ queue: "bills", body }]).then(([first]) => first),
    ];
    server.onRequest = () => ({ ok: true, receipts: [{ id: "x", sequence: 1, duplicate: false }] });
    body.item = "changed";
    body.photo[0] = 9;
    bytes[0] = 9;
    holdfast.socket.connect();
    await Promise.all(publishes);
    const [record] = server.stored.get("orders") ?? [];
    expect(record).toEqual({ item: "cod", photo: new Uint8Array([1, 2]) });
    expect(server.stored.get("orders")?.[1]).toEqual(new Uint8Array([3]));
    const { payload } = server.requests.find(({ event }) => event === "holdfast:publish") ?? {};
    expect(payload).toMatchObject({ messages: [{ queue: "bills", body: { item: "cod" } }] });
  });

  test("refuses locally what would spoil a section", async () => {
    const orders = server.connect().queue("orders");
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const bad = [
      orders.publish(undefined),
      orders.publish(1n),
      orders.publish(circular),
      orders.publish(1, { key: "" }),
      orders.publish(1, { key: "k".repeat(257) }),
      orders.publish(1, { id: "\u20ac".repeat(43) }),
      orders.publish(1, { headers: JSON.parse('{"a":1}') as Record<string, string> }),
    ];
    expect(new Set(await Promise.all(bad.map(codeOf)))).toEqual(new Set(["BAD_REQUEST"]));
    expect(await codeOf(orders.publish(range(11).map(() => new Uint8Array(1))))).toBe("TOO_LARGE");
    expect(() => server.connect().queue("no spaces")).toThrow(/queue is "no spaces"/);
    expect(() => server.connect({ outboxMessagesMax: -1 })).toThrow(/outboxMessagesMax is -1/);
    await orders.publish("good", { key: "k", event: "e", headers: { a: "b" }, id: "i" });
    expect(server.stored.get("orders")).toEqual(["good"]);
  });
});

describe("several queues at once", () => {
  test("keep their place in each queue, and their ids when resent", async () => {
    const order: unknown[] = [];
    server.onPublish = (section) => {
      order.push(...bodiesOf(section));
      return server.store(section);
    };
    let answer = false;
    server.onRequest = (_event, payload) => {
      if (!answer) return undefined;
      const messages = payload.messages as { queue: string; body: unknown; id: string }[];
      order.push(...messages.map(({ body }) => body));
      return { ok: true, receipts: messages.map(({ id }, index) => ({ id, sequence: index + 1, duplicate: false })) };
    };
    const holdfast = server.connect();
    const first = holdfast.queue("a").publish("a1");
    const together = publishTogether(holdfast, [
      { queue: "a", body: "a2", key: "k" },
      { queue: "b", body: "b1", id: "mine" },
    ]);
    const last = holdfast.queue("b").publish("b2");
    await server.until(() => server.events().includes("holdfast:publish"));
    expect(order).toEqual(["a1"]);
    answer = true;
    server.cut();
    const receipts = await together;
    await Promise.all([first, last]);
    expect(order).toEqual(["a1", "a2", "b1", "b2"]);
    const [sent, resent] = server.requests.filter(({ event }) => event === "holdfast:publish");
    expect(resent?.payload).toEqual(sent?.payload);
    expect(receipts.map(({ id }) => id)).toEqual([expect.stringMatching(/^[0-9a-z]{12,}-0$/), "mine"]);
  });

  test("are not sent again once they would not be recognised", async () => {
    server.onRequest = () => undefined;
    const holdfast = server.connect();
    const together = publishTogether(holdfast, [{ queue: "a", body: 1 }]);
    const outcome = together.catch((error: unknown) => error);
    await server.until(() => server.events().includes("holdfast:publish"));
    const now = Date.now();
    vi.spyOn(Date, "now").mockImplementation(() => now + 590_001);
    server.cut();
    expect(await outcome).toMatchObject({ code: "UNKNOWN" });
    expect(server.requests.filter(({ event }) => event === "holdfast:publish")).toHaveLength(1);
  });

  test("are tried again after a passing refusal, and fail after any other", async () => {
    const replies = [
      { ok: false, error: { code: "QUEUE_FULL", message: "full", retryable: true } },
      { ok: true, receipts: [{ id: "x", sequence: 7, duplicate: false }] },
      { ok: false, error: { code: "BAD_REQUEST", message: "bad", retryable: false } },
    ];
    server.onRequest = () => replies.shift() ?? { ok: true, receipts: [] };
    const holdfast = server.connect();
    expect(await publishTogether(holdfast, [{ queue: "a", body: 1 }])).toEqual([{ id: "x", sequence: 7, duplicate: false }]);
    expect(await codeOf(publishTogether(holdfast, [{ queue: "a", body: 2 }]))).toBe("BAD_REQUEST");
    await holdfast.queue("a").publish(3);
    expect(server.stored.get("a")).toEqual([3]);
  });

  test("P2: a refusal says nothing of what became of an earlier sending that was UNKNOWN", async () => {
    const replies = [
      { ok: false, error: { code: "UNKNOWN", message: "lost", retryable: true } },
      { ok: false, error: { code: "BAD_REQUEST", message: "bad", retryable: false } },
    ];
    server.onRequest = () => replies.shift() ?? { ok: true, receipts: [] };
    expect(await codeOf(publishTogether(server.connect(), [{ queue: "a", body: 1 }]))).toBe("UNKNOWN");
  });
});
