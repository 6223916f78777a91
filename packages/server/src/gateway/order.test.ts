import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask, consume, Happenings, TestHost, until } from "./test-host.js";

let host: TestHost;

beforeEach(async () => {
  host = await TestHost.open({ disconnectGraceMs: 0 });
});

afterEach(() => host.close());

/** Publishes bodies `1..count` of each key, the keys in turn. */
async function publishKeys(queue: string, keys: readonly string[], count: number): Promise<void> {
  const messages = Array.from({ length: count }, (_, index) => keys.map((key) => ({ key, body: index + 1 }))).flat();
  for (let at = 0; at < messages.length; at += 1_000) await host.holdfast.queue(queue).publishAll(messages.slice(at, at + 1_000));
}

describe('ordering: "key"', () => {
  it("O1, O2: keeps each key in order over competing plain consumers that fail and leave", async () => {
    const backoff = { type: "fixed", delayMs: 0, jitter: 0 };
    await ask(await host.client(), "holdfast:define", { queue: "q", ordering: "key", maxAttempts: 0, backoff });
    const keys = ["a", "b", "c", "d", "e"];
    await publishKeys("q", keys, 60);
    const done = new Map<string, number[]>(keys.map((key) => [key, []]));
    const open = new Set<string>();
    const acked = new Happenings<unknown>();
    let seen = 0;
    const start = async (): Promise<void> => {
      const client = await host.client();
      await consume(client, { queue: "q", maxInFlight: 4 }, ({ key = "", body, attempt }, callback) => {
        if (attempt === 1) expect(open.has(key), `${key} is in flight already`).toBe(false);
        open.add(key);
        if (++seen % 7 === 0) callback({ nack: {} });
        else if (seen % 41 === 0) {
          client.disconnect();
          void start();
        } else {
          open.delete(key);
          done.get(key)?.push(Number(body));
          callback();
          acked.add(body);
        }
      });
    };
    await Promise.all([start(), start(), start()]);
    await until(async () => (await host.holdfast.queue("q").stats()).acked === 300);
    // A callback of a socket that left at once may not have arrived, then its message came again.
    for (const bodies of done.values()) expect([...new Set(bodies)]).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
  });

  it("says what is missing", async () => {
    const client = await host.client();
    await ask(client, "holdfast:define", { queue: "q", ordering: "key" });
    const reply = await ask(client, "holdfast:publish", { queue: "q", body: 1 });
    expect(reply).toMatchObject({
      ok: false,
      error: { code: "BAD_REQUEST", retryable: false, message: expect.stringContaining("key is missing") },
    });
  });

  it("O3: a blocked key is seen, and retried or skipped by an event", async () => {
    const client = await host.client();
    await ask(client, "holdfast:define", { queue: "q", ordering: "key", maxAttempts: 1, poison: "block" });
    await publishKeys("q", ["a", "b"], 2);
    const got = new Happenings<string>();
    await consume(client, { queue: "q" }, ({ key, body }, callback) => {
      if (got.items.length < 1) callback({ nack: { reason: "burnt" } });
      else callback();
      got.add(`${key}${body}`);
    });
    await got.count(3);
    await until(async () => (await host.holdfast.queue("q").stats()).acked === 2);
    expect(await ask(client, "holdfast:stats", { queue: "q" })).toMatchObject({ blocked: 1, parked: 2, ready: 0 });
    expect(await ask(client, "holdfast:peek", { queue: "q" })).toMatchObject({
      items: [{ key: "a", state: "blocked" }, { state: "parked" }],
    });
    expect(await ask(client, "holdfast:key", { queue: "q", key: "b", action: "skip" })).toMatchObject({
      ok: false,
      error: { code: "NOT_FOUND" },
    });
    expect(await ask(client, "holdfast:key", { queue: "q", key: "a", action: "again" })).toMatchObject({
      ok: false,
      error: { code: "BAD_REQUEST" },
    });
    expect(await ask(client, "holdfast:key", { queue: "q", key: "a", action: "retry" })).toEqual({ ok: true });
    expect(await got.count(5)).toEqual(["a1", "b1", "b2", "a1", "a2"]);
  });
});

describe('ordering: "fifo"', () => {
  it("O1, L5: one consumer at a time, and the next one goes on where it left", async () => {
    const admin = await host.client();
    await ask(admin, "holdfast:define", { queue: "q", ordering: "fifo" });
    const got = new Happenings<string>();
    const [first, second] = [await host.client(), await host.client()];
    await consume(first, { queue: "q", maxInFlight: 2 }, ({ body }, callback) => {
      got.add(`first ${body}`);
      if (body !== 3 && body !== 4) callback();
    });
    await consume(second, { queue: "q", maxInFlight: 2 }, ({ body, attempt }, callback) => {
      got.add(`second ${body} ${attempt}`);
      callback();
    });
    await publishKeys("q", ["any"], 6);
    await got.count(4);
    first.disconnect();
    expect(await got.count(8)).toEqual([
      "first 1",
      "first 2",
      "first 3",
      "first 4",
      "second 3 2",
      "second 4 2",
      "second 5 1",
      "second 6 1",
    ]);
  });

  it("O1: after a nack the later callbacks are stale, and the messages come again", async () => {
    const client = await host.client();
    await ask(client, "holdfast:define", { queue: "q", ordering: "fifo" });
    const got = new Happenings<string>();
    const late: (() => void)[] = [];
    await consume(client, { queue: "q", maxInFlight: 3 }, ({ body, attempt }, callback) => {
      got.add(`${body}/${attempt}`);
      if (attempt === 1 && got.items.length <= 3) {
        if (body === 1) late.push(() => callback({ nack: { delayMs: 0 } }));
        else late.push(() => callback());
        if (got.items.length === 3) for (const answer of late) answer();
      } else callback();
    });
    await publishKeys("q", ["any"], 3);
    expect(await got.count(6)).toEqual(["1/1", "2/1", "3/1", "1/2", "2/1", "3/1"]);
    await until(async () => (await host.holdfast.queue("q").stats()).acked === 3);
    expect(host.holdfast.counters.staleCallbacks).toBe(2);
  });
});
