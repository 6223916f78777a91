import { connect } from "holdfast-client";
import { describe, expect, it } from "vitest";
import { objects, ServedShell } from "./served-shell.js";

const served = ServedShell.forEachTest();
const { run, output } = served;

/** Publishes messages and rejects them. */
async function kill(queue: string, ...bodies: object[]): Promise<void> {
  const holdfast = connect(served.url);
  for (const body of bodies) await holdfast.queue(queue).publish(body);
  let left = bodies.length;
  for await (const delivery of holdfast.queue(queue).consume()) {
    await delivery.reject("no such fish");
    if (--left === 0) break;
  }
  await holdfast.close();
}

describe("holdfast queues", () => {
  it("lists names, a line each, or objects", async () => {
    await run("define", "orders");
    await run("define", "invoices");
    expect(await output("queues")).toBe("invoices\norders\n");
    await run("pause", "orders");
    const [, orders] = (await output("queues", "--json")).trim().split("\n");
    expect(JSON.parse(orders ?? "")).toEqual({ queue: "orders", ready: 0, inFlight: 0, delayed: 0, consumers: 0, paused: true });
    await run("resume", "orders");
    expect(await output("queues", "--json")).not.toContain("true");
  });
});

describe("holdfast purge", () => {
  it("removes what waits and says how many", async () => {
    await served.shell.run(["publish", "orders", "--url", served.url], "1\n2\n3\n");
    expect(await output("purge", "orders")).toBe("purged 3\n");
    expect(await output("purge", "orders", "--yes", "--json")).toBe('{"queue":"orders","count":0}\n');
  });

  it("is refused for a queue that is not there", async () => {
    for (const command of [["purge"], ["pause"], ["resume"], ["dead", "list"], ["dead", "redrive"], ["dead", "purge"]]) {
      const ended = await run(...command, "nothing");
      expect(ended).toMatchObject({ code: 4, stdout: "" });
      expect(ended.stderr).toMatch(/^holdfast: [^\n]*nothing[^\n]*does not exist[^\n]*\n$/);
    }
  });
});

describe("holdfast pause and resume", () => {
  it("are about the dead-letter queue with --dead", async () => {
    await kill("orders", { item: "cod" });
    const paused = async (): Promise<unknown> => {
      const all = objects(await output("queues", "--json")) as { queue: string; paused: boolean }[];
      return all.map(({ queue, paused: is }) => [queue, is]);
    };
    expect(await output("pause", "orders", "--dead")).toBe("");
    expect(await paused()).toEqual([
      ["orders", false],
      ["orders.dead", true],
    ]);
    expect(await output("resume", "orders", "--dead")).toBe("");
    expect(await paused()).toEqual([
      ["orders", false],
      ["orders.dead", false],
    ]);
    await output("define", "clicks", "--dead-letter", "none");
    expect(await run("pause", "clicks", "--dead")).toMatchObject({ code: 4, stderr: expect.stringContaining("no dead-letter queue") });
  });
});

describe("holdfast dead", () => {
  it("lists, shows, redrives and purges", async () => {
    await kill("orders", { item: "cod" }, { item: "hake" }, { item: "eel" });
    const lines = (await output("dead", "list", "orders", "--json")).trim().split("\n");
    const letters = lines.map((line) => JSON.parse(line) as { id: string; body: { item: string }; history: { error: string } });
    expect(letters.map(({ body }) => body.item)).toEqual(["cod", "hake", "eel"]);
    expect(letters.map(({ history }) => history.error)).toEqual(["no such fish", "no such fish", "no such fish"]);
    const hake = letters[1]?.id ?? "";
    const table = (await output("dead", "list", "orders")).split("\n");
    expect(table[0]).toMatch(/^id +sequence +attempts +died +reason +error$/);
    expect(table[2]).toMatch(new RegExp(`^${hake} +2 +1 +\\d{4}-\\S+Z +rejected +no such fish$`));
    expect(await output("dead", "list", "orders", "--limit", "1", "--json")).toContain('"cod"');
    expect(objects(await output("dead", "list", "orders", "--after", "1", "--limit", "1", "--json"))).toEqual([letters[1]]);
    expect(await output("dead", "list", "orders", "--after", "3")).toBe("no dead letters\n");
    expect(await run("dead", "list", "orders", "--after", "-1")).toMatchObject({ code: 2 });
    expect(JSON.parse(await output("dead", "show", "orders", hake))).toEqual(letters[1]);
    expect(JSON.parse(await output("dead", "show", "orders", hake, "--json"))).toEqual(letters[1]);
    expect(await run("dead", "show", "orders", "none")).toMatchObject({ code: 4, stdout: "" });
    expect(await output("dead", "redrive", "orders", hake)).toBe("redriven 1\n");
    expect(await output("dead", "purge", "orders", "--json")).toBe('{"queue":"orders","count":2}\n');
    expect(await output("dead", "list", "orders")).toBe("no dead letters\n");
    const { stdout } = await run("consume", "orders", "--until-empty");
    expect(stdout).toBe('{"item":"hake"}\n');
  });
});
