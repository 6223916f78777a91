import { describe, expect, it } from "vitest";
import { objects, ServedShell } from "./served-shell.js";

const served = ServedShell.forEachTest();
const { run, output } = served;

describe("holdfast schedule", () => {
  it("sets, lists and removes", async () => {
    expect(await output("schedule", "set", "reports", "nightly", "0 2 * * *", '{"kind":"sales"}', "--timezone", "Europe/Berlin")).toMatch(
      /^next \d{4}-\d\d-\d\dT0[01]:00:00\.000Z\n$/,
    );
    const set = JSON.parse(
      await output("schedule", "set", "reports", "hour", "@hourly", "now", "--text", "--event", "e", "--json"),
    ) as object;
    expect(set).toEqual({ queue: "reports", name: "hour", next: expect.any(Number) });
    const table = (await output("schedule", "list", "reports")).split("\n");
    expect(table[0]).toMatch(/^name +published +skipped +next +cron +timezone$/);
    expect(table[1]).toMatch(/^hour +0 +0 +\d{4}-\S+Z +@hourly +UTC$/);
    expect(table[2]).toMatch(/^nightly +0 +0 +\d{4}-\S+Z +0 2 \* \* \* +Europe\/Berlin$/);
    const lines = (await output("schedule", "list", "reports", "--json")).trim().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { message: object }).message)).toEqual([
      { body: "now", event: "e" },
      { body: { kind: "sales" } },
    ]);
    expect(await output("schedule", "remove", "reports", "nightly")).toBe("");
    expect(await output("schedule", "remove", "reports", "hour")).toBe("");
    expect(await output("schedule", "list", "reports")).toBe("no schedules\n");
  });

  it("takes all that may come with a message", async () => {
    const flags = ["--priority", "3", "--delay-ms", "1000", "--ttl-ms", "60000", "--header", "source=clock", "--header", "trace=17"];
    const set = ["schedule", "set", "reports", "hour", "@hourly", "{}", "--reply-to", "answers", "--correlation-id", "7", ...flags];
    expect(await output(...set)).toMatch(/^next /);
    const [schedule] = objects(await output("schedule", "list", "reports", "--json"));
    const headers = { source: "clock", trace: "17" };
    expect(schedule).toMatchObject({
      message: { body: {}, headers, replyTo: "answers", correlationId: "7", priority: 3, delayMs: 1_000, ttlMs: 60_000 },
    });
  });

  it("publishes by the second", async () => {
    await output("schedule", "set", "ticks", "tick", "* * * * * *", '{"n":1}');
    const { stdout } = await run("consume", "ticks", "--count", "2");
    expect(stdout).toBe('{"n":1}\n{"n":1}\n');
  });

  it("tells in one line what is wrong, and with its exit code", async () => {
    for (const [code, ...args] of [
      [2, "set", "reports", "no name", "@daily", "{}"],
      [2, "set", "reports", "nightly", "@daily", "{"],
      [2, "set", "reports", "nightly", "@daily", "{}", "--header", "source"],
      [
        4,
        "set",
        "reports",
        "nightly",
        "@daily",
        "{}",
        "--reply-to",
        "reports",
        "--priority",
        "9",
        "--key",
        "team",
        "--timezone",
        "Mars/Olympus",
      ],
      [4, "set", "reports", "nightly", "61 * * * *", "{}"],
      [4, "set", "reports", "nightly", "@daily", "{}", "--timezone", "Mars/Olympus"],
      [4, "remove", "reports", "nightly"],
      [4, "list", "reports"],
    ] as const) {
      const ended = await run("schedule", ...args);
      expect(ended, args.join(" ")).toMatchObject({ code, stdout: "" });
      expect(ended.stderr).toMatch(/^holdfast: [^\n]+\n$/);
    }
  });
});
