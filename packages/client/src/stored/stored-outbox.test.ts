import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ConnectOptions, Holdfast, HoldfastError, Receipt, RestoredMessage } from "../index.js";
import { RecordView } from "../record-view.js";
import { idsOf, refusal, TestServer, turnsUntil } from "../test-server.js";
import { publishTogether } from "../together.js";
import { Database } from "./database.js";
import { kept, Page } from "./test-page.js";

let server: TestServer;

beforeEach(async () => {
  server = await TestServer.start();
});

afterEach(async () => {
  await server.stop();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const offline: ConnectOptions = { autoConnect: false };
const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

const failure = (promise: Promise<unknown>): Promise<HoldfastError> =>
  promise.then(
    () => {
      throw new Error("expected a rejection");
    },
    (error: unknown) => error as HoldfastError,
  );

/** For promises that die with their page. */
const abandon = (promise: Promise<unknown>): void => void promise.catch(() => undefined);

/** A new page with its client, and what it found. */
function open(options: ConnectOptions = {}): { page: Page; holdfast: Holdfast; restored: RestoredMessage[]; calls: () => number } {
  const page = new Page();
  const restored: RestoredMessage[] = [];
  let calls = 0;
  const onRestored = (messages: readonly RestoredMessage[]): void => {
    calls++;
    restored.push(...messages);
  };
  return { page, holdfast: page.connect(server, { onRestored, ...options }), restored, calls: () => calls };
}

/** Publishes in a page that never gets through, and is gone then. */
async function leave(...bodies: unknown[]): Promise<void> {
  const { page, holdfast } = open(offline);
  for (const body of bodies) abandon(holdfast.queue("orders").publish(body));
  await kept(holdfast);
  page.crash();
}

describe("after a reload", () => {
  test("what was never sent is sent once, in order, before what is published then", async () => {
    await leave(1, 2, 3);
    const { holdfast, restored } = open();
    const receipt = await holdfast.queue("orders").publish(4);
    expect(server.stored.get("orders")).toEqual([1, 2, 3, 4]);
    expect(receipt.sequence).toBe(4);
    expect(await Promise.all(restored.map((message) => message.receipt))).toMatchObject(
      [1, 2, 3].map((sequence) => ({ sequence, duplicate: false })),
    );
  });

  test("what was sent and not answered is sent with its number by the same producer, and recognised", async () => {
    const first = open();
    server.onPublish = (section) => {
      server.store(section);
      return undefined;
    };
    abandon(first.holdfast.queue("orders").publish("a", { event: "placed", key: "k" }));
    await server.until(() => server.publishes().length === 1);
    abandon(first.holdfast.queue("orders").publish("b", { id: "mine" }));
    await server.until(() => server.publishes().length === 2);
    first.page.crash();

    server.onPublish = (section) => server.store(section);
    const { holdfast, restored } = open();
    await kept(holdfast);
    const receipts = await Promise.all(restored.map(({ receipt }) => receipt));
    const [before] = server.publishes();
    expect(server.publishes().at(-1)).toMatchObject({ producer: before?.producer, firstNumber: 1, oldestOpen: 1, count: 2 });
    expect(restored).toMatchObject([
      { queue: "orders", id: `${before?.producer}-1`, event: "placed", key: "k", body: "a" },
      { queue: "orders", id: "mine", event: undefined, body: "b" },
    ]);
    expect(receipts).toEqual([
      { id: `${before?.producer}-1`, sequence: 1, duplicate: true },
      { id: "mine", sequence: 2, duplicate: true },
    ]);
    expect(server.stored.get("orders")).toEqual(["a", "b"]);
  });

  test("what was confirmed is gone, and numbers go on", async () => {
    const first = open();
    for (const body of range(3)) await first.holdfast.queue("orders").publish(body);
    await kept(first.holdfast);
    first.page.crash();
    const { holdfast, calls } = open();
    await holdfast.queue("orders").publish(3);
    expect(calls()).toBe(0);
    expect(server.publishes().map(({ firstNumber, oldestOpen }) => [firstNumber, oldestOpen])).toEqual([1, 2, 3, 4].map((n) => [n, n]));
    expect(new Set(server.publishes().map(({ producer }) => producer)).size).toBe(1);
  });

  test("a message confirmed before older ones leaves a hole", async () => {
    const first = open();
    server.onPublish = () => undefined;
    const receipts = range(4).map((body) => first.holdfast.queue("orders").publish(body));
    for (const receipt of receipts) abandon(receipt);
    await server.until(() => server.publishes().length === 1);
    const [section] = server.publishes();
    if (section === undefined) throw new Error("nothing was sent");
    const runs = server.store(section);
    server.send((frame) =>
      frame.receipts(section.request, [refusal("QUEUE_FULL"), ...runs.slice(1, 2), refusal("PRODUCER_GAP"), ...runs.slice(3)]),
    );
    await receipts[3];
    await kept(first.holdfast);
    first.page.crash();
    server.onPublish = (later) => server.store(later);
    const { holdfast, restored } = open();
    const last = await holdfast.queue("orders").publish(4);
    expect(last.sequence).toBe(5);
    expect(restored.map(({ body }) => body)).toEqual([0, 2]);
    expect(await Promise.all(restored.map(({ receipt }) => receipt))).toMatchObject([{ sequence: 1 }, { sequence: 3 }]);
    expect(server.stored.get("orders")).toEqual([0, 1, 2, 3, 4]);
  });

  test("nobody knows what became of it when it is refused then; of what is published then it is known", async () => {
    await leave("old");
    const error = { code: "FORBIDDEN", message: "forbidden by the test", retryable: false } as const;
    server.onPublish = ({ count }) => [{ count, sequence: 0, duplicate: false, error }];
    const { holdfast, restored } = open();
    expect(await failure(holdfast.queue("orders").publish("new"))).toMatchObject(error);
    expect(await failure(restored[0]?.receipt ?? Promise.resolve())).toMatchObject({
      code: "UNKNOWN",
      message: expect.stringMatching(/forbidden/),
    });
  });

  test("bodies of every kind, arrays and options are what they were", async () => {
    const first = open(offline);
    const orders = first.holdfast.queue("orders");
    const bodies = [new Uint8Array([1, 2]), { photo: new Uint8Array([3]) }, "text", null];
    for (const body of bodies) abandon(orders.publish(body, { headers: { a: "b" }, delayMs: 5_000, ttlMs: 60_000 }));
    abandon(orders.publishAll([{ body: "x" }, { body: "y" }, { body: "z" }]));
    await kept(first.holdfast);
    first.page.crash();
    const { holdfast, restored } = open();
    await holdfast.queue("orders").publish("last");
    expect(restored.map(({ body }) => body)).toEqual([...bodies, "x", "y", "z"]);
    expect(server.stored.get("orders")).toEqual([...bodies, "x", "y", "z", "last"]);
    expect(server.publishes().map(({ atomic, count }) => [atomic, count])).toEqual([
      [false, 4],
      [true, 3],
      [false, 1],
    ]);
  });

  test("a message with notBefore goes by the clock, one with a delay by its sending", async () => {
    const start = Date.now();
    const now = vi.spyOn(Date, "now").mockImplementation(() => start);
    const first = open(offline);
    abandon(first.holdfast.queue("orders").publish(1, { notBefore: new Date(start + 10_000) }));
    abandon(first.holdfast.queue("bills").publish(2, { delayMs: 10_000 }));
    await kept(first.holdfast);
    first.page.crash();
    now.mockImplementation(() => start + 4_000);
    const { holdfast, restored } = open();
    await kept(holdfast);
    await Promise.all(restored.map(({ receipt }) => receipt));
    const delays = server.publishes().map(({ queue, records }) => [queue, new RecordView(records, 0, records.length).timing?.delayMs]);
    expect(new Map(delays as [string, number][])).toEqual(
      new Map([
        ["orders", 6_000],
        ["bills", 10_000],
      ]),
    );
  });

  test("more than a window of open numbers comes through in order, over several lives", async () => {
    await leave(...range(1_500));
    await leave(...range(1_000).map((body) => 1_500 + body));
    const { holdfast, restored } = open();
    await holdfast.queue("orders").publish(2_500);
    expect(restored.length).toBe(2_500);
    expect(server.stored.get("orders")).toEqual(range(2_501));
    expect(server.publishes().flatMap(idsOf).length).toBe(2_501);
  });

  test.each([1, 2, 3, 4])("nothing is lost, repeated or reordered over many lives that end anywhere (seed %i)", async (seed) => {
    let state = seed;
    const chance = (): number => {
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    // Lost on the way there, lost on the way back, or answered.
    server.onPublish = (section) => {
      const luck = chance();
      const runs = luck < 0.3 ? undefined : server.store(section);
      return luck < 0.6 ? undefined : runs;
    };
    let published = 0;
    for (let life = 0; life < 15; life++) {
      const { page, holdfast } = open();
      const orders = holdfast.queue("orders");
      for (let burst = 0; burst < 4; burst++) {
        for (let count = chance() * 6; count > 1; count--) abandon(orders.publish(published++));
        if (chance() < 0.3) abandon(orders.publishAll([{ body: published++ }, { body: published++ }]));
        await kept(holdfast);
        for (let turns = chance() * 40; turns > 1; turns--) await new Promise(setImmediate);
        if (chance() < 0.2) server.cut();
      }
      await kept(holdfast);
      page.crash();
    }
    server.onPublish = (section) => server.store(section);
    await open().holdfast.queue("orders").publish(published);
    expect(server.stored.get("orders")).toEqual(range(published + 1));
    expect(new Set(server.publishes().map(({ producer }) => producer)).size).toBe(1);
  });

  test("what is found counts in the bounds", async () => {
    await leave(1, 2);
    const { holdfast, restored } = open({ ...offline, outboxMessagesMax: 3 });
    await kept(holdfast);
    expect(restored.length).toBe(2);
    abandon(holdfast.queue("orders").publish(3));
    expect(await failure(holdfast.queue("orders").publish(4))).toMatchObject({ code: "OUTBOX_FULL", retryable: true });
    holdfast.socket.connect();
    await Promise.all(restored.map(({ receipt }) => receipt));
    await holdfast.queue("orders").publish(5);
    expect(server.stored.get("orders")).toEqual([1, 2, 3, 5]);
  });

  test("other servers, namespaces and names are other outboxes", async () => {
    await leave("mine");
    const other = open({ outboxName: "bob" });
    await other.holdfast.queue("orders").publish("bob's");
    expect(other.calls()).toBe(0);
    expect(server.stored.get("orders")).toEqual(["bob's"]);
  });
});

describe("a message", () => {
  test("is kept before it is sent", async () => {
    const order: string[] = [];
    const { keep } = Database.prototype;
    vi.spyOn(Database.prototype, "keep").mockImplementation(async function (this: Database, ...rest) {
      order.push("keep");
      await keep.apply(this, rest);
      order.push("kept");
    });
    server.onPublish = (section) => {
      order.push("sent");
      return server.store(section);
    };
    const { holdfast } = open();
    await holdfast.queue("orders").publish(1);
    await Promise.all(range(10).map((body) => holdfast.queue("orders").publish(body)));
    expect(order).toEqual(["keep", "kept", "sent", "keep", "kept", "sent"]);
  });

  test("is not followed by another before its deletion is written", async () => {
    const order: string[] = [];
    const { forget } = Database.prototype;
    vi.spyOn(Database.prototype, "forget").mockImplementation(async function (this: Database, ...rest) {
      order.push("forget");
      for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate);
      await forget.apply(this, rest);
      order.push("forgotten");
    });
    server.onPublish = (section) => {
      order.push(`sent ${section.firstNumber} oldest ${section.oldestOpen}`);
      return server.store(section);
    };
    const { holdfast } = open();
    const orders = holdfast.queue("orders");
    // One more than may be open at a time: the last one is kept, and waits for nothing but room.
    await Promise.all(range(1_025).map((body) => orders.publish(body)));
    await orders.publish(1_025);
    expect(order.slice(0, 7)).toEqual([
      "sent 1 oldest 1",
      "forget",
      "forgotten",
      "sent 1025 oldest 1025",
      "forget",
      "forgotten",
      "sent 1026 oldest 1026",
    ]);
  });

  test("that the store has no room for fails, and the next one has its number", async () => {
    const { holdfast } = open();
    await holdfast.queue("orders").publish(1);
    vi.spyOn(Database.prototype, "keep").mockRejectedValueOnce(new DOMException("no room", "QuotaExceededError"));
    expect(await failure(holdfast.queue("orders").publish(2))).toMatchObject({
      code: "OUTBOX_FULL",
      message: expect.stringMatching(/was not sent: IndexedDB .* no room/),
      retryable: true,
    });
    vi.spyOn(Database.prototype, "keep").mockRejectedValueOnce(new DOMException("closed", "InvalidStateError"));
    expect(await failure(holdfast.queue("orders").publish(3))).toMatchObject({ code: "ENGINE_UNAVAILABLE" });
    vi.spyOn(Database.prototype, "forget").mockRejectedValueOnce(new Error("cannot delete"));
    await holdfast.queue("orders").publish(4);
    await holdfast.queue("orders").publish(5);
    expect(server.publishes().map(({ firstNumber }) => firstNumber)).toEqual([1, 2, 3]);
    expect(server.stored.get("orders")).toEqual([1, 4, 5]);
  });

  test("that is given up before it is kept is not sent, after that it stays", async () => {
    const { page, holdfast } = open(offline);
    const orders = holdfast.queue("orders");
    const [early, late, staged] = [new AbortController(), new AbortController(), new AbortController()];
    const before = failure(orders.publish("early", { signal: early.signal }));
    early.abort();
    expect(await before).toMatchObject({ code: "ABORTED", retryable: false });
    const after = failure(orders.publish("late", { signal: late.signal }));
    await kept(holdfast);
    late.abort();
    expect(await after).toMatchObject({ code: "UNKNOWN" });
    const never = failure(orders.publish("staged", { signal: staged.signal }));
    staged.abort();
    expect(await never).toMatchObject({ code: "ABORTED" });
    page.crash();
    const next = open();
    await next.holdfast.queue("orders").publish("next");
    expect(server.stored.get("orders")).toEqual(["late", "next"]);
  });

  test("that the server refuses is not kept any longer, and its error is definite", async () => {
    server.onPublish = () => [refusal("ID_CONFLICT")];
    const first = open();
    expect(await failure(first.holdfast.queue("orders").publish(1))).toMatchObject({ code: "ID_CONFLICT", retryable: false });
    server.hello = { ...server.hello, limits: { bodyBytesMax: 100, maxInFlightMax: 1 } };
    server.cut();
    expect(await failure(first.holdfast.queue("orders").publish("x".repeat(200)))).toMatchObject({ code: "TOO_LARGE", retryable: false });
    await kept(first.holdfast);
    first.page.crash();
    server.onPublish = (section) => server.store(section);
    const { holdfast, calls } = open();
    await holdfast.queue("orders").publish(2);
    expect(calls()).toBe(0);
    expect(server.stored.get("orders")).toEqual([2]);
  });
});

describe("several pages", () => {
  test("have producers of their own; the one that stays takes over from the one that is gone", async () => {
    const first = open(offline);
    abandon(first.holdfast.queue("orders").publish("first"));
    await kept(first.holdfast);
    const second = open();
    await second.holdfast.queue("orders").publish("second");
    const stored = await second.holdfast.host.stored;
    await stored?.look();
    expect(second.calls()).toBe(0);
    first.page.crash();
    await stored?.look();
    expect(second.restored).toMatchObject([{ body: "first" }]);
    expect((await second.restored[0]?.receipt)?.sequence).toBe(2);
    expect(new Set(server.publishes().map(({ producer }) => producer)).size).toBe(2);
    // Nothing of it is left for anybody.
    await second.holdfast.close();
    const third = open();
    await third.holdfast.queue("orders").publish("third");
    expect(third.calls()).toBe(0);
    expect(server.stored.get("orders")).toEqual(["second", "first", "third"]);
    expect(new Set(server.publishes().map(({ producer }) => producer)).size).toBe(2);
  });

  test("what is taken over counts in the bounds, and closing waits for it", async () => {
    const first = open(offline);
    for (const body of [1, 2]) abandon(first.holdfast.queue("orders").publish(body));
    await kept(first.holdfast);
    const second = open({ ...offline, outboxMessagesMax: 2 });
    await kept(second.holdfast);
    first.page.crash();
    await (await second.holdfast.host.stored)?.look();
    expect(await failure(second.holdfast.queue("orders").publish(3))).toMatchObject({ code: "OUTBOX_FULL" });
    second.holdfast.socket.connect();
    await second.holdfast.close();
    expect(server.stored.get("orders")).toEqual([1, 2]);
  });

  test("a page that closes leaves what it could not send to the next", async () => {
    const first = open(offline);
    const unsent = failure(first.holdfast.queue("orders").publish("left"));
    await kept(first.holdfast);
    await first.holdfast.close();
    expect(await unsent).toMatchObject({ code: "UNKNOWN", retryable: true });
    const { holdfast } = open();
    await holdfast.queue("orders").publish("next");
    expect(server.stored.get("orders")).toEqual(["left", "next"]);
  });
});

describe("an outbox that cannot be opened", () => {
  test("fails what is published, and says why", async () => {
    vi.stubGlobal("navigator", {});
    const holdfast = server.connect({ outbox: "indexeddb" });
    const error = { code: "ENGINE_UNAVAILABLE", message: expect.stringMatching(/outbox: .*no Web Locks/) };
    expect(await failure(holdfast.queue("orders").publish(1))).toMatchObject(error);
    expect(await failure(holdfast.queue("orders").publish(2))).toMatchObject(error);
    await holdfast.close();
    expect(server.frames).toEqual([]);

    await leave("kept");
    vi.spyOn(Database.prototype, "read").mockRejectedValueOnce(new Error("damaged"));
    const damaged = open();
    expect(await failure(damaged.holdfast.queue("orders").publish(1))).toMatchObject({ message: expect.stringMatching(/damaged/) });
    // It lets the next one try.
    await open().holdfast.queue("orders").publish(2);
    expect(server.stored.get("orders")).toEqual(["kept", 2]);
    expect(() => server.connect({ outbox: "disk" as "memory" })).toThrow(/outbox is "disk", expected memory or indexeddb/);
  });
});

describe("publishTogether", () => {
  test("keeps its place, though it is not kept", async () => {
    let reply = (): void => {};
    server.onRequest = (event, payload) => {
      if (event !== "holdfast:publish") return { ok: true };
      const { messages } = payload as { messages: { queue: string; body: unknown }[] };
      for (const { queue, body } of messages) server.stored.set(queue, [...(server.stored.get(queue) ?? []), body]);
      reply();
      return { ok: true, receipts: messages.map((_, index) => ({ id: `${index}`, sequence: 1, duplicate: false })) };
    };
    const { holdfast } = open();
    const orders = holdfast.queue("orders");
    const done: Promise<unknown>[] = [orders.publish(1)];
    const asked = new Promise<void>((resolve) => {
      reply = resolve;
    });
    done.push(
      publishTogether(holdfast, [
        { queue: "orders", body: 2 },
        { queue: "bills", body: 2 },
      ]),
      orders.publish(3),
    );
    done.push(publishTogether(holdfast, [{ queue: "orders", body: 4 }]), orders.publish(5), holdfast.queue("bills").publish(6));
    const gone = new AbortController();
    done.push(failure(publishTogether(holdfast, [{ queue: "orders", body: 7 }], { signal: gone.signal })), orders.publish(8));
    gone.abort();
    await asked;
    await Promise.all(done);
    expect(server.stored.get("orders")).toEqual([1, 2, 3, 4, 5, 8]);
    expect(server.stored.get("bills")).toEqual([2, 6]);
    await turnsUntil(() => holdfast.host.outbox.idle);
  });

  test("fails with the rest when the client is closed", async () => {
    const { holdfast } = open(offline);
    const orders = holdfast.queue("orders");
    const done: Promise<HoldfastError>[] = [failure(orders.publish(1))];
    for (const body of [2, 3]) done.push(failure(publishTogether(holdfast, [{ queue: "orders", body }])));
    const receipt: Promise<Receipt> = orders.publish(4);
    done.push(failure(receipt));
    await kept(holdfast);
    await holdfast.close();
    expect((await Promise.all(done)).map(({ code }) => code)).toEqual(["UNKNOWN", "SHUTTING_DOWN", "SHUTTING_DOWN", "UNKNOWN"]);
  });
});
