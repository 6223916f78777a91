import { NAME_PATTERN } from "holdfast-client/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../engines/conformance/manual-clock.js";
import { ask, consume, Happenings, type PlainDelivery, TestHost, until } from "./test-host.js";

const MINUTE_MS = 60_000;

let clock: ManualClock;
let host: TestHost;
let warnings: string[];

beforeEach(async () => {
  clock = new ManualClock();
  warnings = [];
  const log = { info: () => undefined, warn: (line: string) => warnings.push(line), error: () => undefined };
  host = await TestHost.open({ clock, log });
});

afterEach(() => host.close());

const tick = { queue: "orders", name: "tick", cron: "* * * * *", message: { body: { n: 1 } } };
const nextMinute = (): number => Math.floor(clock.now() / MINUTE_MS + 1) * MINUTE_MS;
const passMinute = (): Promise<void> => clock.advance(nextMinute() - clock.now());

describe("holdfast:schedule", () => {
  it("creates the queue, tells the next time, and its messages are delivered", async () => {
    const client = await host.client();
    const message = { body: { n: 1, bytes: Buffer.of(1, 2) }, event: "tick", key: "k", headers: { a: "b" } };
    expect(await ask(client, "holdfast:schedule", { ...tick, message, timezone: "Europe/Berlin" })).toEqual({
      ok: true,
      next: nextMinute(),
    });
    const deliveries = new Happenings<PlainDelivery>();
    await consume(client, { queue: "orders" }, (delivery, settle) => {
      settle();
      deliveries.add(delivery);
    });
    await passMinute();
    const [delivery] = await deliveries.count(1);
    expect(delivery).toMatchObject({ ...message, id: `tick@${new Date(clock.now()).toISOString()}`, attempt: 1 });
    await until(async () => (await host.holdfast.queue("orders").stats()).acked === 1);
  });

  it("removes with `remove`; one that is not there is NOT_FOUND", async () => {
    const client = await host.client();
    await ask(client, "holdfast:schedule", tick);
    expect(await ask(client, "holdfast:schedule", { queue: "orders", name: "tick", remove: true })).toEqual({ ok: true });
    for (const queue of ["orders", "nothing"]) {
      const reply = await ask(client, "holdfast:schedule", { queue, name: "tick", remove: true });
      expect(reply).toMatchObject({ ok: false, error: { code: "NOT_FOUND", retryable: false } });
    }
  });

  it("is listed with `holdfast:list`, in pages, with its message", async () => {
    const client = await host.client();
    for (const name of ["c", "a", "b"]) await ask(client, "holdfast:schedule", { ...tick, name, message: { body: name, event: "e" } });
    await passMinute();
    await until(async () => (await host.holdfast.queue("orders").stats()).published === 3);
    const first = await ask(client, "holdfast:list", { kind: "schedules", queue: "orders", limit: 2 });
    const last = clock.now();
    const times = { cron: "* * * * *", timezone: "UTC", next: last + MINUTE_MS, last, published: 1, skipped: 0 };
    expect(first).toEqual({
      ok: true,
      items: [
        { name: "a", ...times, message: { body: "a", event: "e" } },
        { name: "b", ...times, message: { body: "b", event: "e" } },
      ],
      next: "b",
    });
    const rest = await ask(client, "holdfast:list", { kind: "schedules", queue: "orders", after: first.next });
    expect(rest).toMatchObject({ ok: true, items: [{ name: "c" }] });
    expect(rest).not.toHaveProperty("next");
    expect(await ask(client, "holdfast:list", { kind: "schedules", queue: "nothing" })).toMatchObject({ error: { code: "NOT_FOUND" } });
  });

  it("C2: a page has about 1 MiB, however large the messages are", async () => {
    const client = await host.client();
    const body = "x".repeat(250_000);
    for (const name of ["a", "b", "c", "d", "e", "f"]) await ask(client, "holdfast:schedule", { ...tick, name, message: { body } });
    const page = await ask(client, "holdfast:list", { kind: "schedules", queue: "orders" });
    expect(page).toMatchObject({ items: [{ name: "a" }, { name: "b" }, { name: "c" }, { name: "d" }], next: "d" });
  });

  it("an operator is told when a full queue begins to skip", async () => {
    const client = await host.client();
    await ask(client, "holdfast:define", { queue: "orders", depthMax: 1 });
    await ask(client, "holdfast:schedule", tick);
    for (let minute = 0; minute < 3; minute++) await passMinute();
    await until(() => warnings.length > 0);
    expect(warnings).toEqual([expect.stringMatching(/^schedule tick of queue .*orders.* skips occurrences: queue orders is full/)]);
  });

  it.each([
    ["name", { ...tick, name: "no name" }],
    ["name", { ...tick, name: "" }],
    ["cron", { ...tick, cron: 7 }],
    ["cron", { ...tick, cron: "* * *" }],
    ["cron", { ...tick, cron: "0 0 31 2 *" }],
    ["timezone", { ...tick, timezone: "Mars/Olympus" }],
    ["message", { ...tick, message: undefined }],
    ["message.id", { ...tick, message: { body: 1, id: "a" } }],
    ["message.delay", { ...tick, message: { body: 1, delay: 7 } }],
    ["key", { ...tick, message: { body: 1, key: "" } }],
    ["message.body", { ...tick, message: {} }],
    ["remove", { queue: "orders", name: "tick", remove: false }],
    ["cron", { ...tick, remove: true }],
    ["every", { ...tick, every: 5 }],
    ["queue", { ...tick, queue: "or ders" }],
  ])("BAD_REQUEST names %s in %j, and no queue is created", async (field, payload) => {
    const client = await host.client();
    const reply = await ask(client, "holdfast:schedule", payload);
    expect(reply).toMatchObject({ ok: false, error: { code: "BAD_REQUEST", retryable: false } });
    expect(reply.error?.message.startsWith(field)).toBe(true);
    expect(await ask(client, "holdfast:list", { kind: "queues" })).toMatchObject({ items: [] });
  });

  it("a message that is too large as an occurrence is TOO_LARGE at once", async () => {
    const client = await host.client();
    const reply = await ask(client, "holdfast:schedule", { ...tick, message: { body: "x".repeat(262_144) } });
    expect(reply).toMatchObject({ ok: false, error: { code: "TOO_LARGE", retryable: false } });
  });

  it.each([
    { kind: "schedules" },
    { kind: "schedules", queue: "orders", limit: 0 },
    { kind: "schedules", queue: "orders", after: 7 },
    { kind: "queues", queue: "orders" },
    { kind: "timers" },
  ])("holdfast:list %j is BAD_REQUEST", async (payload) => {
    expect(await ask(await host.client(), "holdfast:list", payload)).toMatchObject({ ok: false, error: { code: "BAD_REQUEST" } });
  });

  it("queues are not created for schedules where they are not for publishes", async () => {
    const strict = await TestHost.open({ autoCreate: false });
    try {
      expect(await ask(await strict.client(), "holdfast:schedule", tick)).toMatchObject({ error: { code: "NOT_FOUND" } });
    } finally {
      await strict.close();
    }
  });
});

describe("schedules from inside the process", () => {
  it("are set, listed and ended; options of the queue come first", async () => {
    const orders = host.holdfast.queue("orders", { ordering: "key" });
    await expect(orders.schedule("tick", { cron: "@hourly" }, { n: 1 })).rejects.toMatchObject({ code: "BAD_REQUEST" });
    const { next } = await orders.schedule("tick", { cron: "@hourly" }, { n: 1 }, { key: "a" });
    expect(next % 3_600_000).toBe(0);
    expect(await orders.schedules()).toEqual({
      items: [{ name: "tick", cron: "@hourly", timezone: "UTC", next, published: 0, skipped: 0, message: { body: { n: 1 }, key: "a" } }],
    });
    await orders.unschedule("tick");
    expect(await orders.schedules({ limit: 1 })).toEqual({ items: [] });
    await expect(orders.unschedule("tick")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(orders.schedule("no name", { cron: "@hourly" }, 1, { key: "a" })).rejects.toMatchObject({
      code: "BAD_REQUEST",
      message: `name is "no name", expected ${NAME_PATTERN.source}`,
    });
  });
});
