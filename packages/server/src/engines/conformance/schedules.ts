import { expect } from "vitest";
import type { SchedulePlan, StoredSchedule } from "../../scheduling.js";
import type { Harness } from "./harness.js";
import type { Publishable } from "./messages.js";
import type { Suite } from "./suite.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const EVERY_MINUTE = "* * * * *";

const planOf = (h: Harness, cron: string, message: Publishable, timezone = "UTC"): SchedulePlan => ({
  cron,
  timezone,
  record: h.packed(message).records,
});

const schedule = (h: Harness, queue: string, name: string, cron: string, message: Publishable = name, timezone?: string): Promise<number> =>
  h.engine.schedule(h.address(queue), name, planOf(h, cron, message, timezone));

const ids = async (h: Harness, queue = "orders"): Promise<string[]> => (await h.scan(queue)).map(({ id }) => id);

async function listed(h: Harness, queue = "orders", pageSize = 100): Promise<StoredSchedule[]> {
  const all: StoredSchedule[] = [];
  for (let after: string | undefined, more = true; more; more = after !== undefined) {
    const page: { items: readonly StoredSchedule[]; next?: string } = await h.engine.schedules(h.address(queue), after, pageSize);
    all.push(...page.items);
    after = page.next;
  }
  return all;
}

/** Moves time to 10 ms after a full minute, so that what is due at that minute comes, and waits until it is stored. */
async function passMinutes(h: Harness, minutes: number): Promise<void> {
  const until = Math.floor(h.clock.now() / MINUTE_MS) * MINUTE_MS + minutes * MINUTE_MS + 10;
  await h.clock.advance(until - h.clock.now());
  await h.quiet();
}

const iso = (time: number): string => new Date(time).toISOString();

/** Repeating publishes. */
export function testSchedules(suite: Suite): void {
  suite.topic("schedules", () => {
    suite.case("an occurrence goes to the level of its priority; one that the queue does not have is refused beforehand", async (h) => {
      await h.define("orders", { priorities: 5 });
      const consumer = await h.attach("orders");
      await schedule(h, "orders", "urgent", EVERY_MINUTE, { body: "urgent", priority: 4 });
      await expect(schedule(h, "orders", "more", EVERY_MINUTE, { body: 1, priority: 5 })).rejects.toMatchObject({ code: "BAD_REQUEST" });
      await h.publish("orders", "waits");
      await passMinutes(h, 1);
      expect((await h.take(consumer, 2)).map(({ body, priority }) => [body, priority])).toEqual([
        ["urgent", 4],
        ["waits", 0],
      ]);
    });

    suite.case("T1: each occurrence is published at its time, not before, with an id of its own; C1 counts it", async (h) => {
      await h.define("orders");
      const consumer = await h.attach("orders");
      const next = await schedule(h, "orders", "tick", EVERY_MINUTE, { body: { n: 1 }, event: "tick", key: "k", headers: { a: "b" } });
      expect(next).toBeGreaterThan(h.clock.now());
      expect(next % MINUTE_MS).toBe(0);
      await h.clock.advance(next - h.clock.now() - 1);
      await h.expectNothing(consumer);
      await h.clock.advance(1);
      const first = await h.takeOne(consumer);
      expect(first).toMatchObject({ id: `tick@${iso(next)}`, body: { n: 1 }, event: "tick", key: "k", headers: { a: "b" }, attempt: 1 });
      expect(first).toMatchObject({ chosenId: false, publishedAt: next });
      await h.ack(consumer, first);
      await h.clock.advance(MINUTE_MS - 1);
      await h.expectNothing(consumer);
      await h.clock.advance(1);
      const second = await h.takeOne(consumer);
      expect(second.id).toBe(`tick@${iso(next + MINUTE_MS)}`);
      await h.ack(consumer, second);
      expect(await h.stats("orders")).toMatchObject({ published: 2 });
      expect(await listed(h)).toMatchObject([
        { name: "tick", cron: EVERY_MINUTE, timezone: "UTC", next: next + 2 * MINUTE_MS, last: next + MINUTE_MS, published: 2, skipped: 0 },
      ]);
    });

    suite.case("schedules of one time all publish, however many; others with a deadline go on", async (h) => {
      await h.define("orders", { leaseMs: 30_000 });
      await h.define("jobs", { leaseMs: MINUTE_MS + 5_000, maxAttempts: 1 });
      const names = Array.from({ length: 300 }, (_, index) => `job-${String(index).padStart(3, "0")}`);
      await Promise.all(names.map((name) => schedule(h, "orders", name, EVERY_MINUTE)));
      await h.publish("jobs", 1);
      const consumer = await h.attach("jobs");
      await h.takeOne(consumer);
      await passMinutes(h, 1);
      await h.until("all are stored", async () => (await h.stats("orders")).published === 300);
      expect((await h.bodies("orders")).sort()).toEqual(names);
      await h.clock.advance(5_000 + MINUTE_MS);
      await h.expiries(consumer, 1);
      await h.until("all are stored again", async () => (await h.stats("orders")).published === 600);
    });

    suite.case("replaced: only the new message comes, at the new times; counts begin anew", async (h) => {
      await h.define("orders");
      await schedule(h, "orders", "tick", EVERY_MINUTE, "old");
      await passMinutes(h, 1);
      const next = await schedule(h, "orders", "tick", "*/2 * * * *", "new");
      expect(await listed(h)).toMatchObject([{ cron: "*/2 * * * *", next, published: 0 }]);
      await passMinutes(h, 4);
      expect(await h.bodies("orders")).toEqual(["old", "new", "new"]);
      await schedule(h, "orders", "tick", "*/2 * * * *", { body: "new", key: "k" });
      await passMinutes(h, 2);
      expect((await h.scan("orders")).map(({ key }) => key)).toEqual([undefined, undefined, undefined, "k"]);
    });

    suite.case("replaced at its very time, also before that is durable, it comes once", async (h) => {
      await h.define("orders");
      await schedule(h, "orders", "tick", EVERY_MINUTE, "old");
      await passMinutes(h, 1);
      const replacing = schedule(h, "orders", "tick", EVERY_MINUTE, "new");
      await h.clock.advance(MINUTE_MS);
      await replacing;
      await h.quiet();
      expect(await h.bodies("orders")).toEqual(["old", "new"]);
      expect(new Set(await ids(h)).size).toBe(2);
    });

    suite.case("the same again changes nothing: its next time and its counts stay", async (h) => {
      await h.define("orders");
      const next = await schedule(h, "orders", "daily", "0 3 * * *", "x");
      await h.clock.advance(HOUR_MS);
      expect(await schedule(h, "orders", "daily", "0 3 * * *", "x")).toBe(next);
      await h.clock.advance(next - h.clock.now());
      await h.quiet();
      const later = await schedule(h, "orders", "daily", "0 3 * * *", "x");
      expect(later).toBe(next + 24 * HOUR_MS);
      expect(await listed(h)).toMatchObject([{ published: 1, last: next, next: later }]);
      expect(await h.bodies("orders")).toEqual(["x"]);
    });

    suite.case("removed: nothing comes any more; again, or unknown, is NOT_FOUND", async (h) => {
      await h.define("orders");
      await schedule(h, "orders", "tick", EVERY_MINUTE);
      await schedule(h, "orders", "tock", EVERY_MINUTE);
      await h.engine.unschedule(h.address("orders"), "tick");
      await passMinutes(h, 1);
      expect(await h.bodies("orders")).toEqual(["tock"]);
      expect((await listed(h)).map(({ name }) => name)).toEqual(["tock"]);
      await expect(h.engine.unschedule(h.address("orders"), "tick")).rejects.toMatchObject({ code: "NOT_FOUND", retryable: false });
      await expect(h.engine.unschedule(h.address("nothing"), "tick")).rejects.toMatchObject({ code: "NOT_FOUND" });
      await expect(schedule(h, "nothing", "tick", EVERY_MINUTE)).rejects.toMatchObject({ code: "NOT_FOUND" });
      await expect(h.engine.schedules(h.address("nothing"), undefined, 1)).rejects.toMatchObject({ code: "NOT_FOUND" });
    });

    suite.eachRestart(
      (way) => `a deleted queue takes its schedules with it, also across ${way}; one of the same name has none`,
      async (h, way) => {
        await h.define("orders");
        await schedule(h, "orders", "tick", EVERY_MINUTE);
        await h.engine.remove(h.address("orders"));
        await h.restart(way);
        await h.define("orders");
        await passMinutes(h, 2);
        expect(await listed(h)).toEqual([]);
        expect(await h.bodies("orders")).toEqual([]);
      },
    );

    testRestarts(suite);
    testRefusals(suite);
  });
}

function testRestarts(suite: Suite): void {
  suite.eachRestart(
    (way) => `P1: a schedule survives ${way}, none of its occurrences comes twice or is lost`,
    async (h, way) => {
      await h.define("orders");
      const next = await schedule(h, "orders", "tick", EVERY_MINUTE, { body: "x", key: "k" });
      for (let minute = 0; minute < 4; minute++) {
        await h.restart(way);
        await h.clock.advance(next + minute * MINUTE_MS - h.clock.now());
        await h.quiet();
        await h.restart(way);
        await h.quiet();
        expect(await ids(h)).toHaveLength(minute + 1);
      }
      expect(await ids(h)).toEqual([0, 1, 2, 3].map((minute) => `tick@${iso(next + minute * MINUTE_MS)}`));
      expect(await listed(h)).toMatchObject([{ published: 4, next: next + 4 * MINUTE_MS }]);
    },
  );

  suite.eachRestart(
    (way) => `exactly once: when the commit of an occurrence is cut off by ${way}, it is there once afterwards`,
    async (h, way) => {
      await h.define("orders");
      const next = await schedule(h, "orders", "tick", EVERY_MINUTE);
      await h.clock.advance(next - h.clock.now());
      await h.restart(way);
      await h.until("it is stored", async () => (await h.stats("orders")).published > 0);
      await h.quiet();
      expect(await ids(h)).toEqual([`tick@${iso(next)}`]);
      expect(await listed(h)).toMatchObject([{ published: 1, last: next, next: next + MINUTE_MS }]);
    },
  );

  if (suite.failures) {
    for (const kept of [true, false]) {
      suite.case(`exactly once: a failing commit of an occurrence, ${kept ? "kept" : "lost"}`, async (h) => {
        await h.define("orders");
        const next = await schedule(h, "orders", "tick", "0 3 * * *");
        h.failNextCommit(kept);
        await h.clock.advance(next - h.clock.now());
        await h.until("the engine stops", () => h.told.states.length > 0);
        await h.until("it serves again", async () => {
          await h.clock.advance(100);
          return h.told.states.at(-1) === undefined;
        });
        await h.until("it is stored", async () => (await h.stats("orders")).published > 0);
        await h.quiet();
        expect(await ids(h)).toEqual([`tick@${iso(next)}`]);
        expect(await listed(h)).toMatchObject([{ published: 1, next: next + 24 * HOUR_MS }]);
      });
    }
  }

  suite.eachRestart(
    (way) => `times missed while down come as one, late, after ${way}, and the next one is in the future`,
    async (h, way) => {
      await h.define("orders");
      const next = await schedule(h, "orders", "hourly", "0 * * * *");
      await schedule(h, "orders", "tick", EVERY_MINUTE);
      await h.clock.advance(0);
      if (way === "reopen") await h.close();
      h.clock.jump(next + 5 * HOUR_MS + 10 - h.clock.now());
      await h.restart(way);
      await h.until("both are stored", async () => (await h.stats("orders")).published === 2);
      await h.quiet();
      expect((await h.bodies("orders")).sort()).toEqual(["hourly", "tick"]);
      expect(await ids(h)).toContain(`hourly@${iso(next)}`);
      expect((await listed(h)).map((each) => each.next)).toEqual([next + 6 * HOUR_MS, next + 5 * HOUR_MS + MINUTE_MS]);
      await passMinutes(h, 1);
      expect(await h.stats("orders")).toMatchObject({ published: 3 });
    },
  );

  suite.eachRestart(
    (way) => `a clock that goes back across ${way} publishes no occurrence again, nor does replacing the schedule then`,
    async (h, way) => {
      await h.define("orders");
      const next = await schedule(h, "orders", "tick", EVERY_MINUTE, "old");
      await h.clock.advance(next - h.clock.now());
      await h.quiet();
      h.clock.jump(-10 * MINUTE_MS);
      await h.restart(way);
      await passMinutes(h, 5);
      expect(await h.bodies("orders")).toEqual(["old"]);
      expect(await schedule(h, "orders", "tick", EVERY_MINUTE, "new")).toBe(next + MINUTE_MS);
      await h.clock.advance(next + MINUTE_MS - h.clock.now());
      await h.quiet();
      expect(await ids(h)).toEqual([`tick@${iso(next)}`, `tick@${iso(next + MINUTE_MS)}`]);
    },
  );

  suite.eachRestart(
    (way) => `replaced and removed stay so across ${way}`,
    async (h, way) => {
      await h.define("orders");
      await schedule(h, "orders", "a", EVERY_MINUTE, "old");
      await schedule(h, "orders", "b", EVERY_MINUTE);
      await schedule(h, "orders", "a", EVERY_MINUTE, "new");
      await h.engine.unschedule(h.address("orders"), "b");
      await h.restart(way);
      await passMinutes(h, 1);
      expect(await h.bodies("orders")).toEqual(["new"]);
      expect(await schedule(h, "orders", "a", EVERY_MINUTE, "new"), "still the same").toBe((await listed(h))[0]?.next);
      expect(await listed(h)).toMatchObject([{ name: "a", published: 1 }]);
    },
  );
}

function testRefusals(suite: Suite): void {
  suite.case("C2: of a full queue the occurrence is skipped, counted and told once; other schedules go on", async (h) => {
    await h.define("orders", { depthMax: 1 });
    await h.define("invoices");
    await h.publish("orders", "full");
    await schedule(h, "orders", "tick", EVERY_MINUTE);
    await schedule(h, "invoices", "tick", EVERY_MINUTE);
    await passMinutes(h, 1);
    await passMinutes(h, 1);
    expect(await h.bodies("orders")).toEqual(["full"]);
    expect(await h.bodies("invoices")).toEqual(["tick", "tick"]);
    expect(await listed(h)).toMatchObject([{ published: 0, skipped: 2 }]);
    expect(h.told.skipped).toMatchObject([{ queue: "orders", schedule: "tick", error: { code: "QUEUE_FULL", retryable: true } }]);
    await h.engine.purge(h.address("orders"));
    await passMinutes(h, 1);
    expect(await h.bodies("orders"), "none of those skipped comes later").toEqual(["tick"]);
    expect(await listed(h)).toMatchObject([{ published: 1, skipped: 2 }]);
    await passMinutes(h, 1);
    expect(h.told.skipped, "told anew").toHaveLength(2);
  });

  suite.case("C2: where the oldest gives way, an occurrence pushes it out", async (h) => {
    await h.define("orders", { depthMax: 1, overflow: "dead-letter-oldest" });
    await h.publish("orders", "old");
    await schedule(h, "orders", "tick", EVERY_MINUTE);
    await passMinutes(h, 1);
    expect(await h.bodies("orders")).toEqual(["tick"]);
    expect(await h.bodies("orders.dead")).toEqual(["old"]);
  });

  suite.case("a paused queue stores occurrences, a purge takes them and not the schedule", async (h) => {
    await h.define("orders");
    await h.engine.pause(h.address("orders"));
    await schedule(h, "orders", "tick", EVERY_MINUTE);
    await passMinutes(h, 2);
    expect(await h.bodies("orders")).toEqual(["tick", "tick"]);
    expect(await h.engine.purge(h.address("orders"))).toBe(2);
    await passMinutes(h, 1);
    expect(await h.bodies("orders")).toEqual(["tick"]);
  });

  suite.case("O1: occurrences of a key come in order among other messages; a queue by key wants one", async (h) => {
    await h.define("orders", { ordering: "key" });
    await expect(schedule(h, "orders", "tick", EVERY_MINUTE)).rejects.toMatchObject({ code: "BAD_REQUEST", retryable: false });
    await schedule(h, "orders", "tick", EVERY_MINUTE, { body: "tick", key: "a" });
    await h.publish("orders", { body: "before", key: "a" });
    await passMinutes(h, 1);
    await h.publish("orders", { body: "after", key: "a" });
    const consumer = await h.attach("orders");
    for (const body of ["before", "tick", "after"]) {
      const delivery = await h.takeOne(consumer);
      expect(delivery.body).toBe(body);
      await h.expectNothing(consumer);
      await h.ack(consumer, delivery);
    }
  });

  suite.case("BAD_REQUEST names a pattern that is none or never comes, and a zone that does not exist", async (h) => {
    await h.define("orders");
    const refused = (cron: string, timezone?: string): Promise<unknown> =>
      schedule(h, "orders", "tick", cron, "x", timezone).catch((error: unknown) => error);
    for (const cron of ["", "x", "* * * *", "* * * * * * *", "61 * * * *", "0 0 31 2 *", "2030-01-01T00:00:00", "@reboot"]) {
      const error = (await refused(cron)) as { code: string; message: string };
      expect(error).toMatchObject({ code: "BAD_REQUEST", retryable: false });
      expect(error.message).toContain(`cron is ${JSON.stringify(cron)}, expected`);
    }
    expect(await refused(EVERY_MINUTE, "Mars/Olympus")).toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringContaining('timezone is "Mars/Olympus", expected'),
    });
    expect(await listed(h)).toEqual([]);
  });

  suite.case("C2: at most 1,000 schedules of a queue; replacing one and removing one go on", async (h) => {
    await h.define("orders");
    const names = Array.from({ length: 1_000 }, (_, index) => `s${String(index).padStart(4, "0")}`);
    await Promise.all(names.map((name) => schedule(h, "orders", name, "0 0 1 1 *")));
    await expect(schedule(h, "orders", "more", "0 0 1 1 *")).rejects.toMatchObject({ code: "TOO_LARGE", retryable: false });
    await schedule(h, "orders", "s0500", "0 0 2 1 *");
    await h.engine.unschedule(h.address("orders"), "s0000");
    await schedule(h, "orders", "more", "0 0 1 1 *");
    expect((await listed(h, "orders", 300)).map(({ name }) => name)).toEqual(["more", ...names.slice(1)]);
  });

  suite.case("a name of 128 characters makes ids that an id may be, one for each", async (h) => {
    await h.define("orders");
    const names = ["a", "b"].map((end) => `${"x".repeat(127)}${end}`);
    for (const name of names) await schedule(h, "orders", name, EVERY_MINUTE);
    await passMinutes(h, 2);
    const given = await ids(h);
    expect(new Set(given).size).toBe(4);
    for (const id of given) expect(Buffer.byteLength(id)).toBe(128);
  });
}
