import { connect } from "holdfast-client";
import { afterEach, describe, expect, it } from "vitest";
import { objects, ServedShell } from "./served-shell.js";

const served = ServedShell.forEachTest();
const { output } = served;

const clients: ReturnType<typeof connect>[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close({ timeoutMs: 0 });
});

function client(): ReturnType<typeof connect> {
  const holdfast = connect(served.url);
  clients.push(holdfast);
  return holdfast;
}

/** Times between so many deliveries of a queue, in milliseconds; each ends as `end` says. */
async function timesBetween(queue: string, count: number, end: "ack" | "nack"): Promise<number[]> {
  const times: number[] = [];
  for await (const delivery of client().queue(queue).consume()) {
    times.push(performance.now());
    await delivery[end]();
    if (times.length === count) break;
  }
  return times.slice(1).map((time, index) => time - (times[index] ?? 0));
}

describe("holdfast define", () => {
  it("bounds the bytes of a queue, and lets the oldest message give way", async () => {
    await output("define", "clicks", "--bytes-max", "400", "--overflow", "dead-letter-oldest");
    const lines = Array.from({ length: 20 }, (_, index) => `${JSON.stringify({ click: index })}\n`).join("");
    expect(await served.shell.run(["publish", "clicks", "--url", served.url], lines)).toMatchObject({ code: 0 });
    const { ready, dead, bytes } = JSON.parse(await output("stats", "clicks", "--json")) as Record<string, number>;
    expect(ready).toBeGreaterThan(0);
    expect(dead).toBe(20 - Number(ready));
    expect(bytes).toBeLessThanOrEqual(400);
    const letters = objects(await output("dead", "list", "clicks", "--json")) as { body: { click: number }; history: { reason: string } }[];
    expect(letters.map(({ body, history }) => [body.click, history.reason])).toEqual(
      Array.from({ length: Number(dead) }, (_, click) => [click, "overflow"]),
    );
  });

  it("bounds the deliveries of a second", async () => {
    await output("define", "mails", "--rate-per-second-max", "2.5");
    expect(await served.shell.run(["publish", "mails", "--url", served.url], "1\n2\n3\n4\n5\n")).toMatchObject({ code: 0 });
    const between = await timesBetween("mails", 5, "ack");
    // Four times 400 ms, less what clocks round.
    expect(between.reduce((sum, time) => sum + time, 0)).toBeGreaterThan(1_500);
  });

  it("takes a list of delays between attempts, of which the last one repeats", async () => {
    await output("define", "orders", "--backoff", "list:1500:0", "--max-attempts", "4");
    await client().queue("orders").publish({ item: "cod" });
    const [first = 0, ...others] = await timesBetween("orders", 4, "nack");
    expect(first).toBeGreaterThan(1_450);
    for (const other of others) expect(other).toBeLessThan(first);
    expect(objects(await output("dead", "list", "orders", "--json"))).toMatchObject([{ history: { reason: "attempts", attempts: 4 } }]);
  });
});
