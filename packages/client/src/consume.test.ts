import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Delivery, Holdfast, HoldfastError } from "./index.js";
import { TestServer, turnsUntil } from "./test-server.js";

let server: TestServer;
let handles: number;

beforeEach(async () => {
  server = await TestServer.start();
  handles = 0;
  server.onRequest = (event, payload) => {
    if (event !== "holdfast:consume") return { ok: true };
    return { ok: true, consumer: payload.consumer ?? `c${++handles}`, handle: handles, epoch: "e1", leaseMs: 30_000 };
  };
});

afterEach(() => server.stop());

/** Connects a client and waits until its consumer is attached. */
async function attached<Result>(consume: (holdfast: Holdfast) => Result): Promise<{ holdfast: Holdfast; consumer: Result }> {
  const holdfast = server.connect();
  const consumer = consume(holdfast);
  await consumes(1);
  return { holdfast, consumer };
}

const consumes = (count: number): Promise<void> =>
  server.until(() => server.requests.filter(({ event }) => event === "holdfast:consume").length === count);

const runs = (): unknown[] => server.settles().flatMap((section) => section.runs.map(({ verb, first, count }) => [verb, first, count]));

const settled = (count: number): Promise<void> =>
  server.until(() => server.settles().reduce((sum, section) => sum + section.runs.reduce((part, run) => part + run.count, 0), 0) >= count);

const failure = (promise: Promise<unknown>): Promise<HoldfastError> =>
  promise.then(
    () => {
      throw new Error("expected a rejection");
    },
    (error: unknown) => error as HoldfastError,
  );

/** Takes so many deliveries from a stream. */
async function take(stream: AsyncIterator<Delivery>, count: number): Promise<Delivery[]> {
  const deliveries: Delivery[] = [];
  while (deliveries.length < count) {
    const { value } = await stream.next();
    if (value !== undefined) deliveries.push(value);
  }
  return deliveries;
}

describe("handlers", () => {
  test("are acked when they return, as runs, in one frame with what they publish", async () => {
    const { holdfast } = await attached((client) =>
      client.queue<number>("orders").consume(({ body }) => {
        void client.queue("done").publish(body);
      }),
    );
    server.deliver(1, 11, [1, 2, 3]);
    await settled(3);
    expect(runs()).toEqual([["ack", 11, 3]]);
    expect(server.frames).toHaveLength(1);
    await holdfast.close();
    expect(server.stored.get("done")).toEqual([1, 2, 3]);
  });

  test("are nacked with the reason when they throw, now or later", async () => {
    await attached((client) =>
      client.queue<string>("orders").consume(({ body }) => {
        if (body === "now") throw new Error("burnt");
        return Promise.reject(new Error("\u20ac".repeat(1_000)));
      }),
    );
    server.deliver(1, 1, ["now", "later"]);
    await settled(2);
    const reasons = server.settles().flatMap((section) => section.runs.map(({ verb, reason }) => [verb, reason]));
    expect(reasons).toEqual([
      ["nack", "burnt"],
      ["nack", "\u20ac".repeat(341)],
    ]);
  });

  test("run up to maxInFlight at a time, also when the server sends more", async () => {
    const release: (() => void)[] = [];
    let most = 0;
    let running = 0;
    await attached((client) =>
      client.queue("orders").consume(
        async () => {
          most = Math.max(most, ++running);
          await new Promise<void>((resolve) => release.push(resolve));
          running--;
        },
        { maxInFlight: 2 },
      ),
    );
    server.deliver(1, 1, [1, 2, 3, 4, 5]);
    for (let done = 0; done < 5; done++) {
      await turnsUntil(() => release.length > 0);
      release.shift()?.();
    }
    await settled(5);
    expect(most).toBe(2);
  });

  test("that settle by themselves are not acked again", async () => {
    await attached((client) =>
      client.queue<number>("orders").consume(async (delivery) => {
        if (delivery.body === 1) await delivery.reject("bad");
        if (delivery.body === 2) await delivery.release();
        if (delivery.body === 3) await delivery.nack({ delayMs: 5_000, reason: "cold" });
      }),
    );
    server.deliver(1, 1, [1, 2, 3]);
    await settled(3);
    expect(server.settles().flatMap((section) => section.runs)).toMatchObject([
      { verb: "reject", first: 1, reason: "bad" },
      { verb: "release", first: 2 },
      { verb: "nack", first: 3, delayMs: 5_000, reason: "cold" },
    ]);
  });
});

describe("leases", () => {
  test("are prolonged again and again while handlers work, all in one run", async () => {
    const finish: (() => void)[] = [];
    await attached((client) => client.queue("orders").consume(() => new Promise<void>((resolve) => finish.push(resolve))));
    server.deliver(1, 11, [1, 2, 3], 1_000);
    await settled(3);
    expect(runs()).toEqual([["extend", 11, 3]]);
    await settled(6);
    for (const end of finish) end();
    await settled(9);
    expect(runs().slice(1)).toEqual([
      ["extend", 11, 3],
      ["ack", 11, 3],
    ]);
  });

  test("are prolonged while deliveries wait for a loop, and for its body; not when that went on without settling", async () => {
    const { consumer } = await attached((client) => client.queue("orders").consume());
    server.deliver(1, 1, [1, 2, 3, 4], 1_000);
    await take(consumer, 2);
    await settled(3);
    expect(runs()).toEqual([["extend", 2, 3]]);
  });

  test("are not prolonged for a time that is none", async () => {
    const { holdfast } = await attached((client) => client.queue("orders").consume({ extendForMs: 0 }));
    for (const extendForMs of [-1, 43_200_001, 0.5, "1" as unknown as number])
      expect(() => holdfast.queue("orders").consume({ extendForMs })).toThrow(/extendForMs is .*, expected whole, 0 to 43200000/);
  });
});

describe("deliveries", () => {
  test("tell everything of the message, and settle once", async () => {
    const { consumer } = await attached((client) => client.queue("orders").consume());
    server.deliver(1, 7, [{ item: "cod" }, new Uint8Array([1, 2]), "\u20ac", { photo: new Uint8Array([3]) }]);
    const [first, ...others] = await take(consumer, 4);
    expect(first).toMatchObject({ id: "m7", queue: "orders", sequence: 7, attempt: 1, event: "made", key: undefined, publishedAt: 500 });
    expect(first).toMatchObject({ body: { item: "cod" }, headers: { from: "test" }, priority: 0, leaseUntil: 1_030_000 });
    expect(first?.body).toBe(first?.body);
    expect([first?.history, ...others.map(({ history }) => history)]).toEqual([undefined, undefined, undefined, undefined]);
    expect(others.map(({ priority }) => priority)).toEqual([1, 2, 3]);
    expect(others.map(({ body }) => body)).toEqual([new Uint8Array([1, 2]), "\u20ac", { photo: new Uint8Array([3]) }]);
    await first?.ack();
    expect(await failure(first?.nack() ?? Promise.resolve())).toMatchObject({ code: "STALE_LEASE" });
    expect(runs()).toEqual([["ack", 7, 1]]);
  });

  test("are settled in runs of consecutive leases", async () => {
    const { consumer } = await attached((client) => client.queue("orders").consume());
    server.deliver(1, 1, [1, 2, 3, 4, 5, 6]);
    const [a, b, c, d, e, f] = await take(consumer, 6);
    await Promise.all([f?.ack(), b?.ack(), d?.ack(), a?.ack(), c?.ack()]);
    expect(server.settles()).toHaveLength(1);
    expect(runs()).toEqual([
      ["ack", 1, 4],
      ["ack", 6, 1],
    ]);
    await e?.release();
  });

  test("are settled in the order of the calls where one is not an ack: in a fifo queue it makes stale what comes after it", async () => {
    const { consumer } = await attached((client) => client.queue("orders").consume());
    server.deliver(1, 1, [1, 2, 3, 4]);
    const [a, b, c, d] = await take(consumer, 4);
    await Promise.all([b?.ack(), a?.nack(), c?.release(), d?.release()]);
    expect(runs()).toEqual([
      ["ack", 2, 1],
      ["nack", 1, 1],
      ["release", 3, 2],
    ]);
  });

  test("are prolonged by extend, until they are settled", async () => {
    const { consumer } = await attached((client) => client.queue("orders").consume());
    server.deliver(1, 1, [1]);
    const [delivery] = await take(consumer, 1);
    await delivery?.extend(60_000);
    await delivery?.ack();
    expect(runs()).toEqual([
      ["extend", 1, 1],
      ["ack", 1, 1],
    ]);
    expect(delivery?.leaseUntil).toBeGreaterThan(1_030_000);
    expect(await failure(delivery?.extend(60_000) ?? Promise.resolve())).toMatchObject({ code: "STALE_LEASE" });
    for (const leaseMs of [999, 43_200_001, 1.5])
      expect(await failure(delivery?.extend(leaseMs) ?? Promise.resolve())).toMatchObject({ code: "BAD_REQUEST" });
  });

  test("tell when the server refused a settlement, and try again when it did so for a passing reason", async () => {
    const { consumer } = await attached((client) => client.queue("orders").consume());
    const limited = { code: "RATE_LIMITED", message: "slowly", retryable: true } as const;
    const stale = { code: "STALE_LEASE", message: "too late", retryable: false } as const;
    const answers = [
      [
        { count: 1, error: limited },
        { count: 1, error: stale },
      ],
      [{ count: 1 }],
    ];
    server.onSettle = () => answers.shift() ?? [];
    server.deliver(1, 1, [1, 2]);
    const [first, second] = await take(consumer, 2);
    const [ack, late] = [first?.ack(), second?.ack()];
    expect(await failure(late ?? Promise.resolve())).toMatchObject({ code: "STALE_LEASE" });
    await ack;
    expect(runs()).toEqual([
      ["ack", 1, 2],
      ["ack", 1, 1],
    ]);
  });

  test("that came before are not handed out again", async () => {
    const bodies: unknown[] = [];
    await attached((client) => client.queue("orders").consume(({ body }) => void bodies.push(body)));
    server.deliver(1, 1, [1, 2]);
    server.deliver(1, 2, ["2 again", 3]);
    await settled(3);
    expect(bodies).toEqual([1, 2, 3]);
  });
});

describe("streams", () => {
  test("give deliveries in order, and cancel when the loop is left", async () => {
    const { consumer } = await attached((client) => client.queue<number>("orders").consume({ maxInFlight: 5 }));
    expect(server.requests.at(-1)?.payload).toEqual({ queue: "orders", maxInFlight: 5, frames: true });
    server.deliver(1, 1, [1, 2, 3, 4]);
    const bodies: number[] = [];
    for await (const delivery of consumer) {
      bodies.push(delivery.body);
      await delivery.ack();
      if (bodies.length === 2) break;
    }
    expect(bodies).toEqual([1, 2]);
    expect(runs()).toEqual([
      ["ack", 1, 1],
      ["ack", 2, 1],
      ["release", 3, 2],
    ]);
    expect(server.requests.at(-1)).toEqual({ event: "holdfast:cancel", payload: { consumer: "c1" } });
    expect(await consumer.next()).toEqual({ done: true, value: undefined });
    expect(await consumer.closed).toBeUndefined();
  });

  test("throw once when the server ends the consumer, then are done", async () => {
    const { consumer } = await attached((client) => client.queue("orders").consume());
    const next = failure(consumer.next());
    server.socket?.emit("holdfast:cancelled", { consumer: "c1", queue: "orders", reason: "deleted" });
    expect(await next).toMatchObject({ code: "NOT_FOUND" });
    expect(await consumer.next()).toMatchObject({ done: true });
    expect(await consumer.closed).toMatchObject({ code: "NOT_FOUND" });
  });

  test("end with the error that the server refuses the consumer with", async () => {
    server.onRequest = () => ({ ok: false, error: { code: "FORBIDDEN", message: "not yours", retryable: false } });
    const { consumer } = await attached((client) => client.queue("orders").consume());
    expect(await failure(consumer.next())).toMatchObject({ code: "FORBIDDEN" });
  });
});

describe("reconnects", () => {
  test("resume the consumer with what it holds, and send again what was not answered", async () => {
    const { holdfast, consumer } = await attached((client) => client.queue("orders").consume());
    server.deliver(1, 1, [1, 2, 3, 4, 5]);
    const [first, second, third] = await take(consumer, 5);
    await second?.ack();
    server.onSettle = () => undefined;
    const ack = first?.ack();
    await settled(2);
    const stale = { code: "STALE_LEASE", message: "gone", retryable: false } as const;
    server.onSettle = ({ runs: sent }) => sent.map(({ count, first: lease }) => (lease === 1 ? { count, error: stale } : { count }));
    server.cut();
    await turnsUntil(() => !holdfast.socket.connected);
    const reject = third?.reject();
    await consumes(2);
    expect(server.requests.at(-1)?.payload).toEqual({
      queue: "orders",
      maxInFlight: 100,
      frames: true,
      consumer: "c1",
      held: [
        [1, 1],
        [3, 3],
      ],
    });
    // The first ack may have been carried out before its reply was lost.
    expect(await failure(ack ?? Promise.resolve())).toMatchObject({ code: "UNKNOWN" });
    await reject;
  });

  test("consume anew when the consumer is gone; what was held is stale", async () => {
    const { holdfast, consumer } = await attached((client) => client.queue("orders").consume());
    server.deliver(1, 1, [1, 2, 3]);
    const [first, second] = await take(consumer, 2);
    server.onSettle = () => undefined;
    const sent = first?.ack();
    await settled(1);
    const { onRequest } = server;
    server.onRequest = (event, payload) =>
      payload.held === undefined
        ? onRequest(event, payload)
        : { ok: false, error: { code: "NOT_FOUND", message: "gone", retryable: false } };
    server.cut();
    await turnsUntil(() => !holdfast.socket.connected);
    const unsent = second?.ack();
    const codes = [await failure(sent ?? Promise.resolve()), await failure(unsent ?? Promise.resolve())].map(({ code }) => code);
    expect(codes).toEqual(["UNKNOWN", "STALE_LEASE"]);
    await consumes(3);
    server.onSettle = ({ runs: sentRuns }) => sentRuns.map(({ count }) => ({ count }));
    server.deliver(2, 1, ["1 again"]);
    const [again] = await take(consumer, 1);
    expect(again?.body).toBe("1 again");
    await again?.ack();
    expect(server.settles().at(-1)).toMatchObject({ handle: 2, runs: [{ verb: "ack", first: 1 }] });
  });

  test("consume anew when the engine restarted", async () => {
    const { consumer } = await attached((client) => client.queue("orders").consume());
    server.socket?.emit("holdfast:cancelled", { consumer: "c1", queue: "orders", reason: "engine-restarted" });
    await consumes(2);
    server.deliver(2, 1, ["again"]);
    expect((await take(consumer, 1))[0]?.body).toBe("again");
  });
});

describe("cancelling", () => {
  test("lets handlers finish, and gives the rest back", async () => {
    let finish = (): void => {};
    const bodies: unknown[] = [];
    const { consumer } = await attached((client) =>
      client.queue("orders").consume(
        async ({ body }) => {
          bodies.push(body);
          await new Promise<void>((resolve) => {
            finish = resolve;
          });
        },
        { maxInFlight: 1 },
      ),
    );
    server.deliver(1, 1, [1, 2]);
    await turnsUntil(() => bodies.length > 0);
    const cancelled = consumer.cancel();
    await settled(1);
    expect(server.events()).not.toContain("holdfast:cancel");
    server.deliver(1, 3, [3]);
    finish();
    await cancelled;
    expect(bodies).toEqual([1]);
    expect(runs()).toEqual([
      ["release", 2, 1],
      ["ack", 1, 1],
    ]);
    expect(server.events().at(-1)).toBe("holdfast:cancel");
  });

  test("also by a signal, before or after it is attached", async () => {
    const abort = new AbortController();
    const { holdfast, consumer } = await attached((client) => client.queue("orders").consume({ signal: abort.signal }));
    abort.abort();
    expect(await consumer.next()).toMatchObject({ done: true });
    expect(await consumer.closed).toBeUndefined();
    const never = holdfast.queue("orders").consume(() => {}, { signal: abort.signal });
    expect(await never.closed).toBeUndefined();
    expect(server.events().filter((event) => event === "holdfast:consume")).toHaveLength(1);
  });

  test("refuses a maxInFlight out of range", () => {
    const orders = server.connect().queue("orders");
    for (const maxInFlight of [0, 10_001, 1.5]) expect(() => orders.consume({ maxInFlight })).toThrow(/maxInFlight is/);
  });
});
