import { connect, type Handler } from "holdfast-client";
import { afterEach, describe, expect, it } from "vitest";
import type { Ended } from "./cli-process.js";
import { objects, ServedShell } from "./served-shell.js";

const served = ServedShell.forEachTest();
const { run, output } = served;

const clients: ReturnType<typeof connect>[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

/** Answers what is asked of `prices`. */
function answer(handler: Handler<unknown>): void {
  const holdfast = connect(served.url);
  clients.push(holdfast);
  holdfast.queue("prices").consume(handler);
}

const request = (input: string, ...flags: string[]): Promise<Ended> =>
  served.shell.run(["request", "prices", "--url", served.url, ...flags], input);

describe("holdfast request", () => {
  it("writes the result of whoever consumes the message, as one line of JSON", async () => {
    answer(({ body, bodyText, key, event, headers }) => ({ body, bodyText, key, event, headers, bytes: Buffer.from("hi") }));
    const flags = ["--key", "table-4", "--event", "ask", "--header", "source=test"];
    expect(objects(await output("request", "prices", '{"item":1.0}', ...flags))).toEqual([
      {
        body: { item: 1 },
        bodyText: '{"item":1.0}',
        key: "table-4",
        event: "ask",
        headers: { source: "test" },
        bytes: { $base64: "aGk=" },
      },
    ]);
  });

  it("takes a text, or standard input, and writes null for no result", async () => {
    answer(({ body }) => (body === "nothing" ? undefined : body));
    expect(await output("request", "prices", "cod, please", "--text")).toBe('"cod, please"\n');
    expect(await output("request", "prices", "nothing", "--text")).toBe("null\n");
    expect(await request('{\n  "item": "cod"\n}\n')).toMatchObject({ code: 0, stdout: '{"item":"cod"}\n', stderr: "" });
    expect(await request("two\nlines\n", "--text")).toMatchObject({ code: 0, stdout: '"two\\nlines"\n', stderr: "" });
  });

  it("leaves no reply queue behind", async () => {
    answer(() => 12);
    await output("request", "prices", "{}");
    expect(await output("queues")).toBe("prices\n");
  });

  it("fails when the message dies, and when nobody answers in time", async () => {
    const late = await run("request", "prices", "1", "--timeout-ms", "300");
    expect(late).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(/^holdfast: [^\n]*not answered[^\n]*\n$/) });
    expect(JSON.parse(await output("stats", "prices", "--json"))).toMatchObject({ ready: 1 });
    answer((delivery) => delivery.reject("no such fish"));
    const dead = await run("request", "prices", "2");
    expect(dead).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(/^holdfast: [^\n]*no such fish[^\n]*\n$/) });
  });

  it("ends with 130 when it is interrupted", async () => {
    const cli = served.shell.start(["request", "prices", "{}", "--url", served.url]);
    const watch = served.shell.start(["stats", "--url", served.url, "--json", "--watch", "--interval-ms", "100"]);
    await watch.out.until((text) => text.includes('"queue":"prices","ready":1'));
    await watch.kill();
    expect(await cli.kill("SIGINT")).toMatchObject({ code: 130, stdout: "", stderr: "holdfast: interrupted before the result came\n" });
  });

  it("tells in one line what is wrong, and with its exit code", async () => {
    await output("define", "prices", "--priorities", "5");
    const bad: readonly (readonly [code: number, ...args: string[]])[] = [
      [2, "no name", "{}"],
      [2, "prices", "{"],
      [2, "prices", "{}", "--timeout-ms", "-1"],
      [2, "prices", "{}", "--key", ""],
      [4, "prices", "{}", "--priority", "5"],
    ];
    for (const [code, ...args] of bad) {
      const ended = await run("request", ...args);
      expect(ended, args.join(" ")).toMatchObject({ code, stdout: "", stderr: expect.stringMatching(/^holdfast: [^\n]+\n$/) });
    }
    expect(await request("{")).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/^holdfast: standard input is "\{", expected JSON/),
    });
  });
});
