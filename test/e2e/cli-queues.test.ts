import { connect } from "holdfast-client";
import { describe, expect, it } from "vitest";
import { objects, ServedShell } from "./served-shell.js";

const served = ServedShell.forEachTest();
const { run, output } = served;

async function publish(queue: string, lines: readonly object[], ...flags: string[]): Promise<void> {
  const input = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  expect(await served.shell.run(["publish", queue, "--id-field", "id", ...flags, "--url", served.url], input)).toMatchObject({ code: 0 });
}

/** Fails the messages of a queue until so many keys are blocked. */
async function block(queue: string, keys: number): Promise<void> {
  const holdfast = connect(served.url);
  const consumer = holdfast.queue(queue).consume(() => Promise.reject(new Error("no such fish")));
  while ((await holdfast.queue(queue).stats()).blocked < keys);
  await consumer.cancel();
  await holdfast.close();
}

describe("holdfast peek", () => {
  it("shows messages page by page and leases none", async () => {
    const all = Array.from({ length: 250 }, (_, index) => ({ id: `o-${index + 1}` }));
    await publish("orders", all);
    const messages = objects(await output("peek", "orders", "--limit", "1000", "--json"));
    expect(messages).toHaveLength(250);
    expect(messages[249]).toEqual({
      id: "o-250",
      sequence: 250,
      attempts: 0,
      state: "ready",
      publishedAt: expect.any(Number),
      body: { id: "o-250" },
    });
    expect(objects(await output("peek", "orders", "--after", "248", "--json"))).toMatchObject([{ id: "o-249" }, { id: "o-250" }]);
    const table = (await output("peek", "orders", "--limit", "2")).split("\n");
    expect(table[0]).toMatch(/^id +sequence +attempts +age +state +key +body$/);
    expect(table[2]).toMatch(/^o-2 +2 +0 +\d+\.\d s +ready +\{"id":"o-2"\}$/);
    expect(table).toHaveLength(4);
    expect(await output("stats", "orders", "--json")).toContain('"ready":250,"inFlight":0');
  });

  it("says that there is nothing, and what is wrong, in one line", async () => {
    await output("define", "orders");
    expect(await output("peek", "orders")).toBe("no messages\n");
    expect(await output("peek", "orders", "--json")).toBe("");
    expect(await run("peek", "orders", "--after", "x")).toMatchObject({ code: 2, stderr: expect.stringContaining("whole number from 0") });
    expect(await run("peek", "orders", "--limit", "0")).toMatchObject({ code: 2, stderr: expect.stringContaining("from 1 to 1000000") });
    const ended = await run("peek", "nothing");
    expect(ended).toMatchObject({ code: 4, stdout: "" });
    expect(ended.stderr).toMatch(/^holdfast: [^\n]*nothing[^\n]*does not exist[^\n]*\n$/);
  });
});

describe("holdfast delete", () => {
  it("removes a queue with its messages, and a room", async () => {
    await publish("orders", [{ id: "o-1" }]);
    await output("define", "--room", "kitchen");
    expect(await output("delete", "orders")).toBe("");
    expect(await output("delete", "--room", "kitchen", "--yes")).toBe("");
    expect(await output("queues")).toBe("");
    expect(await output("rooms")).toBe("");
  });

  it("is refused for what is not there, and for more or less than one thing", async () => {
    expect(await run("delete", "orders")).toMatchObject({ code: 4, stderr: expect.stringContaining('queue "orders" does not exist') });
    expect(await run("delete", "--room", "kitchen")).toMatchObject({ code: 4, stderr: expect.stringContaining('room "kitchen"') });
    const [none, both] = [await run("delete"), await run("delete", "orders", "--room", "kitchen")];
    expect(none).toMatchObject({ code: 2, stderr: "holdfast: neither a queue nor --room is given, expected one of them\n" });
    expect(both).toMatchObject({ code: 2, stderr: "holdfast: queue orders and --room kitchen are given, expected one of them\n" });
  });
});

describe("holdfast blocked", () => {
  it("lists keys that are held by a message out of attempts, and lets them go on", async () => {
    await output("define", "orders", "--ordering", "key", "--poison", "block", "--max-attempts", "1");
    expect(await output("blocked", "list", "orders")).toBe("nothing is blocked\n");
    const messages = [
      { id: "o-1", key: "a" },
      { id: "o-2", key: "a" },
      { id: "o-3", key: "b" },
    ];
    await publish("orders", messages, "--key-field", "key");
    await block("orders", 2);
    expect(objects(await output("blocked", "list", "orders", "--json"))).toMatchObject([
      { id: "o-1", key: "a", state: "blocked", attempts: 1 },
      { id: "o-3", key: "b", state: "blocked", attempts: 1 },
    ]);
    const table = (await output("blocked", "list", "orders")).split("\n");
    expect(table[1]).toMatch(/^o-1 +1 +1 .*blocked +a +\{"id":"o-1","key":"a"\}$/);
    expect(await output("stats", "orders")).toContain("\norders (2 blocked) ");
    expect(await output("blocked", "retry", "orders", "a")).toBe("");
    expect(await output("blocked", "skip", "orders", "b")).toBe("");
    expect(await output("blocked", "list", "orders", "--json")).toBe("");
    expect(await output("dead", "list", "orders", "--json")).toContain('"reason":"skipped"');
    const { stdout } = await run("consume", "orders", "--until-empty");
    expect(stdout).toBe('{"id":"o-1","key":"a"}\n{"id":"o-2","key":"a"}\n');
  });

  it("goes without a key where all is in order", async () => {
    await output("define", "orders", "--ordering", "fifo", "--poison", "block", "--max-attempts", "1");
    await publish("orders", [{ id: "o-1" }, { id: "o-2" }]);
    await block("orders", 1);
    expect(objects(await output("blocked", "list", "orders", "--json"))).toMatchObject([{ id: "o-1", state: "blocked" }]);
    expect(await output("blocked", "skip", "orders")).toBe("");
    expect((await run("consume", "orders", "--until-empty")).stdout).toBe('{"id":"o-2"}\n');
  });

  it("is refused for a key that is not blocked, and for none", async () => {
    await output("define", "orders", "--ordering", "key");
    expect(await run("blocked", "retry", "orders", "a")).toMatchObject({ code: 4, stderr: expect.stringContaining("is not blocked") });
    expect(await run("blocked", "skip", "orders")).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/^holdfast: [^\n]*key[^\n]*\n$/),
    });
    expect(await run("blocked", "list", "nothing")).toMatchObject({ code: 4 });
  });
});
