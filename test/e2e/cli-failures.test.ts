import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Server } from "socket.io";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Ended, Shell } from "./cli-process.js";

let shell: Shell;

beforeEach(() => {
  shell = new Shell();
});

afterEach(() => shell.close());

/** Every failure is one line on standard error, and nothing on standard output. */
function expectFailure(ended: Ended, code: number, message: RegExp): void {
  expect(ended.stderr).toMatch(message);
  expect(ended.stderr).toMatch(/^holdfast: [^\n]+\n$/);
  expect(ended).toMatchObject({ code, stdout: "" });
}

describe("holdfast serve fails in one line", () => {
  it("when another process uses the directory", async () => {
    const directory = shell.directory();
    await shell.serve(directory);
    const second = await shell.run(["serve", "--port", "0", "--directory", directory]);
    expectFailure(second, 1, /is used by another process \(one process per directory; cluster and PM2 need the JetStream engine\)/);
  });

  it("when the directory cannot be written", async () => {
    const file = join(shell.directory(), "file");
    writeFileSync(file, "");
    // Root may write wherever the file system lets it; /sys and /proc let nobody.
    for (const directory of [file, join(file, "below"), "/sys/holdfast", "/proc/holdfast/data"]) {
      const ended = await shell.run(["serve", "--port", "0", "--directory", directory]);
      expectFailure(ended, 1, /directory \/\S+ cannot be used: /);
    }
  });

  it("when the port is taken", async () => {
    const port = await shell.takenPort();
    const ended = await shell.run(["serve", "--port", String(port), "--directory", shell.directory()]);
    expectFailure(ended, 1, new RegExp(`cannot listen on 127\\.0\\.0\\.1 port ${port}: the port is taken by another process`));
  });

  it("when others could connect and nobody said that they may", async () => {
    for (const host of ["0.0.0.0", "::"]) {
      expectFailure(await shell.run(["serve", "--host", host]), 2, /is reachable from other machines, .*; --insecure allows it/);
    }
  });

  it.each([
    [["--port", "70000"], /--port .*'70000' is invalid.*0 to 65535/],
    [["--engine", "redis"], /'redis' is invalid.*level, memory/],
    [["--prot", "1"], /unknown option '--prot' \(Did you mean --port\?\)/],
    [["extra"], /too many arguments/],
  ])("for the arguments %j", async (args, message) => {
    expectFailure(await shell.run(["serve", ...args]), 2, message);
  });

  it("for a configuration that is not right, naming the field", async () => {
    const config = join(shell.directory(), "holdfast.json");
    for (const [text, message] of [
      ['{"port":"x"}', /holdfast\.json: port is "x", expected a number/],
      ['{\n"prot": 1\n}', /holdfast\.json: prot is 1, expected no such field/],
      ['{\n"port":\n}', /holdfast\.json cannot be read: /],
      ['{"unlimitedAddresses":["nonsense"]}', /unlimitedAddresses has "nonsense", expected addresses and networks/],
    ] as const) {
      writeFileSync(config, text);
      expectFailure(await shell.run(["serve", "--config", config]), 2, message);
    }
  });
});

describe("the other commands fail in one line", () => {
  it("when no server is there", async () => {
    const url = `http://127.0.0.1:${await shell.freePort()}`;
    for (const args of [["publish", "orders"], ["consume", "orders"], ["stats"], ["define", "orders"]]) {
      const ended = await shell.run([...args, "--url", url, "--connect-timeout-ms", "300"], "1\n");
      expectFailure(ended, 3, /no Holdfast server at http:\/\/127\.0\.0\.1:\d+\/: connect ECONNREFUSED/);
    }
  });

  it("when what is there is no Holdfast server", async () => {
    const http = createServer((_, response) => response.writeHead(404).end());
    const io = new Server(http);
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    try {
      const flags = ["--url", url, "--connect-timeout-ms", "500"];
      expectFailure(await shell.run(["stats", ...flags]), 3, /no Holdfast server at .*: it does not answer as a Holdfast server does/);
      expectFailure(await shell.run(["stats", ...flags, "--namespace", "/orders"]), 4, /refused the connection: Invalid namespace/);
    } finally {
      await io.close();
    }
  });

  it("when the server cannot say for too long whether it lets them in", async () => {
    const io = new Server(0);
    const data = { code: "ENGINE_UNAVAILABLE", message: "no database", retryable: true };
    let tries = 0;
    io.use((_, next) => next(Object.assign(new Error(data.message), { data: ++tries > 0 && data })));
    const url = `http://127.0.0.1:${(io.httpServer.address() as AddressInfo).port}`;
    try {
      const ended = await shell.run(["stats", "--url", url, "--connect-timeout-ms", "1000"]);
      expectFailure(ended, 3, /no Holdfast server at .*: no database/);
      expect(tries).toBeGreaterThan(1);
    } finally {
      await io.close();
    }
  });

  it("when a server stays away too long", async () => {
    const server = await shell.serve(shell.directory());
    const consumer = shell.start(["consume", "orders", "--url", server.url, "--offline-timeout-ms", "400"]);
    await server.logged((line) => line.msg === "connected");
    await shell.run(["publish", "orders", "--url", server.url], "1\n");
    await consumer.out.until((text) => text === "1\n");
    await server.cli.kill();
    const ended = await consumer.ended;
    expect(ended).toMatchObject({ code: 3, stdout: "1\n" });
    expect(ended.stderr).toMatch(/^holdfast: server at \S+ stayed away for 400 ms: [^\n]+\n$/);
  });

  it.each([
    [["publish"], /missing required argument 'queue'/],
    [["publish", "a b"], /argument 'queue'\. Expected 1 to 128 of/],
    [["publish", "orders", "--url", "localhost"], /Expected a URL such as/],
    [["publish", "orders", "--text", "--id-field", "id"], /--text lines have no fields/],
    [["consume", "orders", "--max-in-flight", "0"], /from 1 to 10000/],
    [["stats", "--url", "http://127.0.0.1:1/a", "--namespace", "/b"], /--namespace is \/b, but --url names \/a/],
    [["define", "orders", "--backoff", "linear:5"], /Expected fixed:DELAY_MS, exponential/],
    [["define", "orders", "--overflow", "drop"], /reject, dead-letter-oldest/],
    [["define", "orders", "--rate-per-second-max", "0.0001"], /from 0.001 to 1000000/],
    [["define", "orders", "--lease-ms", "10"], /from 1000 to 43200000/],
    [["serv"], /unknown command 'serv' \(Did you mean serve\?\)/],
  ])("for the arguments %j", async (args, message) => {
    expectFailure(await shell.run(args), 2, message);
  });

  it("when the server refuses", async () => {
    const server = await shell.serve(shell.directory(), 0, ["--no-auto-create"]);
    const flags = ["--url", server.url];
    expectFailure(await shell.run(["stats", "orders", ...flags]), 4, /queue "orders" does not exist/);
    expectFailure(await shell.run(["publish", "orders", ...flags], "1\n"), 4, /line 1 was refused: NOT_FOUND .* \(0 published\)/);
    expectFailure(await shell.run(["consume", "orders", ...flags]), 4, /orders/);
  });
});
