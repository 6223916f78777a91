import { describe, expect, it } from "vitest";
import type { Ended } from "./cli-process.js";
import { ServedShell } from "./served-shell.js";

const served = ServedShell.forEachTest();
const { run } = served;

const publish = (input: string, ...flags: string[]): Promise<Ended> =>
  served.shell.run(["publish", "orders", "--url", served.url, ...flags], input);

/** Every message of the queue, in order. */
async function stored(...flags: string[]): Promise<string[]> {
  const ended = await run("consume", "orders", "--until-empty", ...flags);
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  return ended.stdout.split("\n").slice(0, -1);
}

describe("holdfast publish", () => {
  it("stores each line as one JSON message, in order, and sums up", async () => {
    const lines = ['{"item":"cod","tables":[4,5]}', '"text"', "17.5", "null", "[]", '{"snow":"\u2603"}'];
    const ended = await publish(`\uFEFF${lines.join("\n\n")}`);
    expect(ended).toMatchObject({
      code: 0,
      stdout: "",
      stderr: expect.stringMatching(/^6 published to orders in [\d.]+ s \([\d,]+\/s\)\n$/),
    });
    expect(await stored()).toEqual(lines);
  });

  it("takes lines as they are with --text", async () => {
    await publish('a\n\n{"b": 1}\n', "--text", "--event", "line");
    const messages = (await stored("--meta")).map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(messages.map(({ body, event }) => [body, event])).toEqual([
      ["a", "line"],
      ["", "line"],
      ['{"b": 1}', "line"],
    ]);
  });

  it("gives every message the priority of --priority; what the queue does not have is refused by name", async () => {
    expect(await run("define", "orders", "--priorities", "5")).toMatchObject({ code: 0 });
    await publish("1\n2\n");
    await publish("3\n", "--priority", "4");
    const messages = (await stored("--meta")).map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(messages.map(({ body, priority }) => [body, priority])).toEqual([
      [3, 4],
      [1, undefined],
      [2, undefined],
    ]);
    const refused = await publish("4\n", "--priority", "5");
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("priority is 5, expected 0 to 4: priorities is 5 for queue orders");
    expect((await publish("5\n", "--priority", "10")).stderr).toContain("--priority");
  });

  it("gives every message the headers of --header, and says where its answer goes", async () => {
    const headers = ["--header", "source=shop", "--header", "query=a=b", "--header", "empty="];
    expect(await publish("1\n2\n", ...headers, "--reply-to", "answers", "--correlation-id", "7")).toMatchObject({ code: 0 });
    await publish("three\n", "--text", "--header", "source=text");
    const messages = (await stored("--meta")).map((line) => JSON.parse(line) as object);
    const asked = { headers: { source: "shop", query: "a=b", empty: "" }, replyTo: "answers", correlationId: "7" };
    expect(messages).toMatchObject([
      { body: 1, ...asked },
      { body: 2, ...asked },
      { body: "three", headers: { source: "text" } },
    ]);
    expect(messages[2]).not.toHaveProperty("replyTo");
  });

  it.each([
    ["--header", "source"],
    ["--header", "=shop"],
    ["--header", "__proto__=shop"],
    ["--header", "a=1", "--header", "a=2"],
    ["--reply-to", "no name"],
    ["--correlation-id", "x".repeat(129)],
    ["--event", ""],
  ])("takes no such value of %s", async (...flags) => {
    expect(await publish("1\n", ...flags)).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(/^holdfast: [^\n]+\n$/) });
  });

  it("says that it waits where the queue is full, and goes on when there is room", async () => {
    await run("define", "orders", "--depth-max", "1");
    const cli = served.shell.start(["publish", "orders", "--url", served.url]);
    cli.child.stdin?.end("1\n2\n");
    await cli.err.until((text) => /nothing for 5 s: 1 to be published, and orders may be full .*; waiting\n/.test(text));
    expect(await run("consume", "orders", "--count", "1")).toMatchObject({ code: 0, stdout: "1\n" });
    expect(await cli.ended).toMatchObject({ code: 0, stderr: expect.stringContaining("2 published") });
  });

  it("T1, T2: delays messages, and lets them expire, as told", async () => {
    expect(await publish("1\n", "--delay-ms", "3600000")).toMatchObject({ code: 0 });
    expect(await publish("2\n", "--ttl-ms", "86400000")).toMatchObject({ code: 0 });
    expect(await publish("3\n", "--delay-ms", "31536000001")).toMatchObject({ code: 2 });
    const stats = await run("stats", "orders", "--json");
    expect(JSON.parse(stats.stdout)).toMatchObject({ delayed: 1, ready: 1 });
    const consumed = await run("consume", "orders", "--count", "1");
    expect(consumed.stdout).toBe("2\n");
    expect(await run("define", "orders", "--ttl-ms", "60000")).toMatchObject({ code: 0 });
  });

  it("finds the id in a field: what was stored is not stored again", async () => {
    const input = '{"id":"a"}\n{"id":"b"}\n';
    await publish(input, "--id-field", "id");
    const again = await publish(`${input}{"id":"c"}\n`, "--id-field", "id", "--json");
    const receipts = again.stdout.split("\n").slice(0, -1);
    expect(receipts.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { line: 1, id: "a", duplicate: true },
      { line: 2, id: "b", duplicate: true },
      { line: 3, id: "c", duplicate: false },
    ]);
    expect(again.stderr).toMatch(/^3 published .*, 2 of them stored before\n$/);
    expect(await stored()).toEqual(['{"id":"a"}', '{"id":"b"}', '{"id":"c"}']);
  });

  it("ends at a line that is not JSON, and names it; those before it are stored", async () => {
    const ended = await publish('1\n2\n{"a":\n4\n');
    expect(ended).toMatchObject({ code: 5, stdout: "" });
    expect(ended.stderr).toMatch(/^holdfast: line 3 is not JSON: [^\n]+ \(2 published\)\n$/);
    expect(await stored()).toEqual(["1", "2"]);
  });

  it("ends in the same way at a line that is JSON and no message", async () => {
    const ended = await publish(`1\n2\n${"[".repeat(33)}${"]".repeat(33)}\n4\n`);
    expect(ended).toMatchObject({ code: 5, stderr: "holdfast: line 3 is no message: body is deeper than 32 (2 published)\n" });
    const long = await publish(`{"id":"a"}\n{"id":"${"x".repeat(129)}"}\n`, "--id-field", "id");
    expect(long).toMatchObject({ code: 5, stderr: expect.stringMatching(/^holdfast: line 2 is no message: id is .* \(1 published\)\n$/) });
    expect(await stored()).toEqual(["1", "2", '{"id":"a"}']);
  });

  it("passes over bad lines with --skip-invalid", async () => {
    const ended = await publish(`1\nx\n"${"y".repeat(300_000)}"\n4\n`, "--skip-invalid");
    expect(ended.code).toBe(0);
    expect(ended.stderr).toMatch(/^2 published to orders .*; 2 skipped, first: line 2 is not JSON: [^\n]+\n$/);
    expect(await stored()).toEqual(["1", "4"]);
    const none = await publish("x\ny\n", "--skip-invalid");
    expect(none).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/^holdfast: none of 2 lines could be published: line 1 is not JSON/),
    });
  });

  it("ends at a message that is too large, and at a line that is longer than any message", async () => {
    const large = await publish(`1\n"${"x".repeat(300_000)}"\n`);
    expect(large).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/^holdfast: line 2 was refused: TOO_LARGE .* \(1 published\)\n$/),
    });
    const long = await publish(`1\n"${"x".repeat(2_000_000)}"\n`);
    expect(long).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/^holdfast: line 2 is 2000002 bytes long, at most \d+ are taken \(1 published\)\n$/),
    });
  });

  it("takes the server from HOLDFAST_URL", async () => {
    const ended = await served.shell.run(["publish", "orders"], "1\n", { env: { HOLDFAST_URL: served.url } });
    expect(ended.code).toBe(0);
    expect(await stored()).toEqual(["1"]);
  });

  it("keeps the queues of namespaces apart", async () => {
    const { server } = served;
    await served.shell.run(["publish", "orders", "--url", server, "--namespace", "/a"], "1\n");
    await served.shell.run(["publish", "orders", "--url", `${server}/b`], "2\n");
    const drain = async (...target: string[]): Promise<string> =>
      (await served.shell.run(["consume", "orders", "--until-empty", ...target])).stdout;
    expect(await drain("--url", `${server}/a`)).toBe("1\n");
    expect(await drain("--url", server, "--namespace", "/b")).toBe("2\n");
    expect(await drain("--url", server)).toBe("");
  });

  it("confirms what it sent when it is interrupted, and says that it did not finish", async () => {
    const cli = served.shell.start(["publish", "orders", "--url", served.url, "--json"]);
    cli.child.stdin?.write("1\n2\n");
    await cli.out.until((text) => text.split("\n").length > 2);
    cli.child.kill("SIGINT");
    const ended = await cli.ended;
    expect(ended).toMatchObject({ code: 130, stderr: "holdfast: interrupted (2 published)\n" });
    expect(await stored()).toEqual(["1", "2"]);
  });
});

describe("holdfast stats and define", () => {
  it("shows all queues, or one, for people and for programs", async () => {
    expect(await run("stats")).toMatchObject({ code: 0, stdout: "no queues\n" });
    await publish("1\n2\n");
    await served.shell.run(["publish", "bills", "--url", served.url], "1\n");
    const table = (await run("stats")).stdout.split("\n");
    expect(table.map((line) => line.split(/ {2,}/).slice(0, 3))).toEqual([
      ["queue", "ready", "in flight"],
      ["bills", "1", "0"],
      ["orders", "2", "0"],
      [""],
    ]);
    const all = (await run("stats", "--json")).stdout.split("\n").slice(0, -1);
    expect(all.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { queue: "bills", ready: 1 },
      { queue: "orders", ready: 2, dead: 0 },
    ]);
    const one = await run("stats", "orders", "--json");
    expect(JSON.parse(one.stdout)).toMatchObject({ queue: "orders", ready: 2, inFlight: 0 });
  });

  it("watches until it is interrupted", async () => {
    await publish("1\n");
    const watch = served.shell.start(["stats", "orders", "--url", served.url, "--json", "--watch", "--interval-ms", "100"]);
    await watch.out.until((text) => text.includes('"ready":1'));
    await publish("2\n");
    await watch.out.until((text) => text.includes('"ready":2'));
    expect(await watch.kill("SIGINT")).toMatchObject({ code: 0, stderr: "" });
  });

  it("creates a queue, and changes what is given", async () => {
    const define = (...flags: string[]): Promise<Ended> => run("define", "orders", ...flags);
    const flags = [
      "--lease-ms",
      "5000",
      "--max-attempts",
      "1",
      "--backoff",
      "fixed:0",
      "--dead-letter",
      "lost",
      "--dedup-window-ms",
      "60000",
    ];
    expect(await define(...flags)).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect(await define("--dead-letter", "none")).toMatchObject({ code: 0 });
    expect((await run("stats", "orders")).code).toBe(0);
  });
});
