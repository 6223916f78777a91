import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Delivery } from "./delivery.js";
import { ManualClock } from "./engines/conformance/manual-clock.js";
import { Happenings, until } from "./gateway/test-host.js";
import { Holdfast } from "./holdfast.js";
import { LeaseKeeper } from "./lease-keeper.js";

let clock: ManualClock;
let holdfast: Holdfast;

beforeEach(async () => {
  clock = new ManualClock();
  holdfast = await Holdfast.open({ engine: "memory", clock });
});

afterEach(() => holdfast.close({ drainMs: 100 }));

describe("a queue in the server's process", () => {
  it("publishes, and hands each message to a handler: ack on return, nack on throw", async () => {
    const orders = holdfast.queue<{ item: string }>("orders", { backoff: { type: "fixed", delayMs: 1_000, jitter: 0 } });
    const seen = new Happenings<Delivery<{ item: string }>>();
    orders.consume(async (delivery) => {
      seen.add(delivery);
      if (delivery.body.item === "eel" && delivery.attempt === 1) throw new Error("slippery");
    });
    expect(await orders.publish({ item: "cod" }, { id: "a", key: "k", event: "e", headers: { h: "1" } })).toEqual({
      id: "a",
      sequence: expect.any(Number),
      duplicate: false,
    });
    await orders.publish({ item: "eel" });
    const [first] = await seen.count(2);
    expect(first).toMatchObject({ id: "a", key: "k", event: "e", headers: { h: "1" }, queue: "orders", attempt: 1, body: { item: "cod" } });
    await until(async () => (await orders.stats()).delayed === 1);
    await clock.advance(1_000);
    expect((await seen.count(3))[2]).toMatchObject({ attempt: 2, body: { item: "eel" } });
    await until(async () => (await orders.stats()).acked === 2);
  });

  it("pauses and resumes its dead-letter queue with `dead`, and tells of each letter where it died, when and why", async () => {
    const orders = holdfast.queue<string>("orders");
    await expect(orders.pause({ dead: true })).rejects.toMatchObject({ code: "NOT_FOUND" });
    await orders.define({});
    await orders.pause({ dead: true });
    const letters = new Happenings<Delivery>();
    holdfast.queue("orders.dead").consume((letter) => letters.add(letter));
    orders.consume((delivery) => delivery.reject("oven is cold"));
    await orders.publish("cod");
    await until(async () => (await holdfast.queue("orders.dead").stats()).ready === 1);
    expect((await orders.stats()).paused).toBe(false);
    expect(letters.items).toEqual([]);
    await orders.resume({ dead: true });
    const [letter] = await letters.count(1);
    const times = { publishedAt: clock.now(), deadAt: clock.now() };
    const place = { namespace: "/", queue: "orders", sequence: 1 };
    expect(letter?.history).toEqual({ ...place, ...times, reason: "rejected", error: "oven is cold", attempts: 1 });
    await expect(holdfast.queue("orders.dead").pause({ dead: true })).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(orders.pause({ dead: false as never })).rejects.toMatchObject({ code: "BAD_REQUEST" });
  });

  it("messages that are none are refused in words", async () => {
    const refused: [messages: unknown, why: string][] = [
      ["cod", 'messages is "cod", expected an array'],
      [undefined, "messages is missing, expected an array"],
      [[{ body: 1 }, null], "messages.1 is null, expected an object"],
    ];
    for (const [messages, message] of refused) {
      await expect(holdfast.queue("q").publishAll(messages as [])).rejects.toMatchObject({ code: "BAD_REQUEST", message });
      await expect(holdfast.publish(messages as [])).rejects.toMatchObject({ code: "BAD_REQUEST" });
    }
  });

  it("a delivery is rejected with a reason, which is text, as in the client library, or in an object", async () => {
    const queue = holdfast.queue<string>("reasons");
    queue.consume((delivery) => delivery.reject(delivery.body === "text" ? "burnt" : { reason: "burnt" }));
    await queue.publishAll([{ body: "text" }, { body: "object" }]);
    await until(async () => (await queue.stats()).dead === 2);
    for (const letter of (await queue.deadLetters()).items) expect(letter.history).toMatchObject({ reason: "rejected", error: "burnt" });
  });

  it("L5: a handler keeps its lease while it works, for extendForMs at most", async () => {
    const orders = holdfast.queue("orders", { leaseMs: 1_000, backoff: { type: "fixed", delayMs: 0 } });
    const long = new Happenings<Delivery>();
    const finish: (() => void)[] = [];
    const consumer = orders.consume(
      (delivery) => {
        long.add(delivery);
        return new Promise<void>((resolve) => finish.push(resolve));
      },
      { extendForMs: 60_000 },
    );
    await orders.publishAll([{ body: 1 }, { body: 2 }]);
    await long.count(2);
    for (let step = 0; step < 59; step++) await clock.advance(1_000);
    expect(await orders.stats()).toMatchObject({ inFlight: 2, ready: 0 });
    finish[0]?.();
    await until(async () => (await orders.stats()).acked === 1);
    for (let step = 0; step < 3; step++) await clock.advance(1_000);
    // What takes longer than that is handed out again.
    const [, , again] = await long.count(3);
    expect(again).toMatchObject({ body: 2, attempt: 2 });
    for (const end of finish) end();
    await consumer.cancel();
    expect(() => orders.consume(() => undefined, { extendForMs: -1 })).toThrow("extendForMs is -1, expected at least 0");
  });

  it("L5: a handler's own extension is not made shorter, and extendForMs 0 leaves every lease as it is", async () => {
    const orders = holdfast.queue<string>("orders", { leaseMs: 1_000, backoff: { type: "fixed", delayMs: 0 } });
    const seen = new Happenings<Delivery<string>>();
    const finish: (() => void)[] = [];
    const consumer = orders.consume(
      async (delivery) => {
        if (delivery.body === "own") await delivery.extend(10_000);
        seen.add(delivery);
        if (delivery.attempt === 1) await new Promise<void>((resolve) => finish.push(resolve));
      },
      { extendForMs: 0 },
    );
    await orders.publishAll([{ body: "own" }, { body: "none" }]);
    await seen.count(2);
    await clock.advance(1_000);
    expect((await seen.count(3))[2]).toMatchObject({ body: "none", attempt: 2 });
    await clock.advance(8_000);
    expect(await orders.stats()).toMatchObject({ inFlight: 1 });
    await clock.advance(1_000);
    expect((await seen.count(4))[3]).toMatchObject({ body: "own", attempt: 2 });
    for (const end of finish) end();
    await consumer.cancel();
  });

  it("L5: a lease is prolonged in its own time, whatever longer ones were looked at before it", async () => {
    const orders = holdfast.queue<string>("orders", { leaseMs: 1_000, backoff: { type: "fixed", delayMs: 0 } });
    const seen = new Happenings<Delivery<string>>();
    const finish: (() => void)[] = [];
    const consumer = orders.consume(async (delivery) => {
      if (delivery.body === "long") await delivery.extend(3_600_000);
      seen.add(delivery);
      await new Promise<void>((resolve) => finish.push(resolve));
    });
    await orders.publish("long");
    await seen.count(1);
    for (let step = 0; step < 5; step++) await clock.advance(1_000);
    await orders.publish("short");
    await seen.count(2);
    for (let step = 0; step < 50; step++) await clock.advance(100);
    expect(await orders.stats()).toMatchObject({ inFlight: 2, ready: 0 });
    for (const end of finish) end();
    await consumer.cancel();
    expect((await orders.stats()).acked).toBe(2);
  });

  it("L5: a look that comes a little early is early enough", async () => {
    const extended: number[] = [];
    const keeper = new LeaseKeeper(clock, 60_000, (lease) => void extended.push(lease));
    const work = keeper.begin(1, 1_000, clock.now() + 1_000);
    await clock.advance(334);
    expect(extended).toEqual([1]);
    keeper.end(work);
    await clock.advance(10_000);
    expect(extended).toEqual([1]);
  });

  it("a handler may throw anything: its message is nacked", async () => {
    const thrown: unknown[] = [Object.create(null), undefined, Symbol("x"), Object.assign(new Error("x"), { message: 5 })];
    const queue = holdfast.queue<number>("thrown", { maxAttempts: 1 });
    queue.consume((delivery) => {
      throw thrown[delivery.body];
    });
    await queue.publishAll(thrown.map((_, body) => ({ body })));
    await until(async () => (await queue.stats()).dead === thrown.length);
    const errors = ["the handler threw something that has no text", "undefined", "Symbol(x)", "5"];
    expect((await queue.deadLetters()).items).toMatchObject(errors.map((error) => ({ history: { error } })));
  });

  it("a delivery carries its verbs and is settled once", async () => {
    const queue = holdfast.queue<string>("q");
    const outcomes = new Happenings<string>();
    queue.consume(async (delivery) => {
      if (delivery.body === "ack") await delivery.ack();
      if (delivery.body === "nack") await delivery.nack({ delayMs: 60_000, reason: "later" });
      if (delivery.body === "reject") await delivery.reject({ reason: "never" });
      if (delivery.body === "release" && outcomes.items.length === 3) await delivery.release();
      if (delivery.body === "extend") await delivery.extend(60_000);
      const settled = delivery.settled;
      const again = await delivery.ack().catch((error: { code: string }) => error.code);
      outcomes.add(`${delivery.body} ${settled} ${again}`);
    });
    for (const body of ["ack", "nack", "reject", "release", "extend"]) {
      const before = outcomes.items.length;
      await queue.publish(body);
      await outcomes.count(before + 1);
    }
    const names = (await outcomes.count(6)).map((outcome) => outcome.replace(" undefined", " ok"));
    expect(names.sort()).toEqual([
      "ack true STALE_LEASE",
      "extend false ok",
      "nack true STALE_LEASE",
      "reject true STALE_LEASE",
      "release false ok",
      "release true STALE_LEASE",
    ]);
    expect(await queue.stats()).toMatchObject({ acked: 3, dead: 1, delayed: 1 });
    const bad = holdfast.queue("bad");
    const errors = new Happenings<unknown>();
    bad.consume(async (delivery) => {
      errors.add(await delivery.nack({ delayMs: -1 }).catch((error: unknown) => error));
      errors.add(await delivery.extend(5).catch((error: unknown) => error));
    });
    await bad.publish(1);
    for (const error of await errors.count(2)) expect(error).toMatchObject({ code: "BAD_REQUEST" });
  });

  it("is not consumed by what is no function, which would make a dead letter of each message", async () => {
    for (const handler of [undefined, null, "cook", {}]) {
      expect(() => holdfast.queue("q").consume(handler as never)).toThrow(expect.objectContaining({ code: "BAD_REQUEST" }));
    }
    expect(() => holdfast.queue("q").consume("cook" as never)).toThrow('handler is "cook", expected a function');
    await expect(holdfast.room("kitchen").watchPresence("cook" as never)).rejects.toMatchObject({ code: "BAD_REQUEST" });
  });

  it("L3: cancel lets an ack take effect that nobody waits for", async () => {
    const queue = holdfast.queue<number>("q");
    const handled = new Happenings<number>();
    const consumer = queue.consume(async (delivery) => {
      await Promise.resolve();
      void delivery.ack();
      handled.add(delivery.body);
    });
    await consumer.ready;
    await queue.publish(1);
    await handled.count(1);
    await consumer.cancel();
    expect(await queue.stats()).toMatchObject({ acked: 1, ready: 0 });
  });

  it("runs at most maxInFlight handlers, also when their leases run out", async () => {
    const queue = holdfast.queue("q", { leaseMs: 1_000, backoff: { type: "fixed", delayMs: 0, jitter: 0 } });
    let running = 0;
    let most = 0;
    const finish: (() => void)[] = [];
    const started = new Happenings<unknown>();
    const consumer = queue.consume(
      async (delivery) => {
        most = Math.max(most, ++running);
        started.add(delivery.body);
        await new Promise<void>((resolve) => finish.push(resolve));
        running--;
      },
      { maxInFlight: 3 },
    );
    for (let message = 0; message < 10; message++) await queue.publish(message);
    await started.count(3);
    await clock.advance(5_000);
    expect(most).toBe(3);
    expect((await queue.stats()).consumers).toBe(1);
    // Every handler was called for leases that ran out, so each message comes once more at least.
    for (let done = 0; done < 10; done++) {
      await until(() => finish.length > 0);
      finish.shift()?.();
    }
    expect(most).toBe(3);
    const cancelled = consumer.cancel();
    await until(() => {
      finish.shift()?.();
      return running === 0;
    });
    await cancelled;
  });

  it("shares a few messages among the consumers that are idle", async () => {
    const orders = holdfast.queue<number>("orders");
    await orders.define({});
    const counts = [0, 0, 0];
    const count = (index: number): void => {
      counts[index] = (counts[index] ?? 0) + 1;
    };
    const consumers = counts.map((_, index) => orders.consume(() => count(index)));
    await until(async () => (await orders.stats()).consumers === 3);
    await Promise.all(Array.from({ length: 12 }, (_, index) => orders.publish(index)));
    await until(async () => (await orders.stats()).acked === 12);
    expect(counts).toEqual([4, 4, 4]);
    await Promise.all(consumers.map((consumer) => consumer.cancel()));
  });

  it("keeps the process running while a consumer is there or a request waits, and no longer", async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((what) => what === "Timeout").length;
    const orders = holdfast.queue<number>("orders");
    const idle = timers();
    const consumers = [orders.consume(() => 1), orders.consume(() => 1)];
    expect(timers()).toBe(idle + 1);
    for (const consumer of consumers) await consumer.cancel();
    expect(timers()).toBe(idle);
    const asking = holdfast.queue<number>("slow").request(1);
    expect(timers()).toBe(idle + 1);
    holdfast.queue<number>("slow").consume(() => 2);
    expect(await asking).toBe(2);
    expect(timers()).toBe(idle + 1);
    await holdfast.close();
    expect(timers()).toBe(idle);
    const late = holdfast.queue<number>("orders").consume(() => 3);
    await expect(late.ready).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
    await until(() => timers() === idle);
  });

  it("cancel waits for the handlers at work and returns the rest", async () => {
    const queue = holdfast.queue("q");
    let finish: () => void = () => undefined;
    const started = new Happenings<unknown>();
    const consumer = queue.consume(
      async (delivery) => {
        started.add(delivery.body);
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
      },
      { maxInFlight: 1 },
    );
    for (const body of [1, 2]) await queue.publish(body);
    await started.count(1);
    let cancelled = false;
    const cancel = consumer.cancel().then(() => {
      cancelled = true;
    });
    await queue.publish(3);
    expect(cancelled).toBe(false);
    finish();
    await cancel;
    expect(await consumer.ended).toBeUndefined();
    expect(started.items).toEqual([1]);
    expect(await queue.stats()).toMatchObject({ acked: 1, ready: 2, inFlight: 0, consumers: 0 });
  });

  it("tells why a consumer ended, and why one never began", async () => {
    const queue = holdfast.queue("q");
    const consumer = queue.consume(() => undefined);
    await consumer.ready;
    await queue.delete();
    expect(await consumer.ended).toBe("deleted");
    const strict = await Holdfast.open({ engine: "memory", autoCreate: false });
    await expect(strict.queue("q").consume(() => undefined).ready).rejects.toMatchObject({ code: "NOT_FOUND" });
    await strict.close();
  });

  it("gives options before the first use, whose failure says what was wrong with them", async () => {
    const queue = holdfast.queue("q", { maxAttempts: 1, deadLetter: false });
    queue.consume((delivery) => delivery.nack());
    await queue.publish(1);
    await until(async () => (await queue.stats()).dead === 1);
    expect((await holdfast.queues()).items).toEqual(["q"]);
    expect(() => holdfast.queue("no spaces")).toThrow(/queue is "no spaces"/);
    expect(() => holdfast.queue("q", { leaseMs: 1 })).toThrow(/leaseMs is 1, expected at least 1000/);
    expect(() => queue.consume(() => undefined, { maxInFlight: 20_000 })).toThrow(/expected at most 10000/);
    await expect(queue.publish(undefined)).rejects.toMatchObject({ code: "BAD_REQUEST" });
    await expect(queue.publish(1, { id: "" })).rejects.toMatchObject({ code: "BAD_REQUEST" });
  });

  it("publishes to several queues in one commit", async () => {
    const receipts = await holdfast.publish([
      { queue: "a", body: 1 },
      { queue: "b", body: 2 },
    ]);
    expect(receipts).toHaveLength(2);
    expect(await holdfast.of("other").publish([])).toEqual([]);
    expect((await holdfast.of("other").queues()).items).toEqual([]);
    expect((await holdfast.queues({ limit: 1 })).next).toBe("a");
  });

  it("close lets handlers finish, returns what is in flight uncounted, and refuses what comes after", async () => {
    const queue = holdfast.queue("q");
    const started = new Happenings<unknown>();
    let finish: () => void = () => undefined;
    queue.consume(
      async (delivery) => {
        started.add(delivery.body);
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
      },
      { maxInFlight: 1 },
    );
    for (const body of [1, 2]) await queue.publish(body);
    await started.count(1);
    for (const drainMs of [-1, Number.POSITIVE_INFINITY, 1.5]) {
      await expect(holdfast.close({ drainMs })).rejects.toMatchObject({
        code: "BAD_REQUEST",
        message: expect.stringContaining("drainMs is "),
      });
    }
    const closed = holdfast.close();
    await expect(queue.publish(3)).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
    finish();
    await closed;
    expect(started.items).toEqual([1]);
    expect(holdfast.ready).toBe(false);
  });
});
