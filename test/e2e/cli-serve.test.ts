import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { io, type Socket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Shell } from "./cli-process.js";

let shell: Shell;
let sockets: Socket[];

beforeEach(() => {
  shell = new Shell();
  sockets = [];
});

afterEach(async () => {
  for (const socket of sockets) socket.disconnect();
  await shell.close();
});

function client(url: string, options: Parameters<typeof io>[1] = {}): Socket {
  const socket = io(url, { transports: ["websocket"], forceNew: true, reconnection: false, ...options });
  sockets.push(socket);
  return socket;
}

/** Resolves to "connected" or why not. */
const connected = (socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    socket.once("connect", () => resolve("connected"));
    socket.once("connect_error", (error) => resolve(error.message));
  });

describe("holdfast serve", () => {
  it("says where it listens, with which engine, and where the messages are", async () => {
    const directory = shell.directory();
    const server = await shell.serve(directory);
    expect(server.log[0]).toMatchObject({ msg: "listening", engine: "level", directory });
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });

  it("serves the demo when it is asked for, and nothing at / otherwise", async () => {
    const bare = await shell.serve(shell.directory());
    expect((await fetch(bare.url)).status).toBe(404);
    const server = await shell.serve(shell.directory(), 0, ["--demo"]);
    const page = await fetch(server.url);
    expect(page.status).toBe(200);
    const html = await page.text();
    for (const [, file] of html.matchAll(/(?:src|href)="(\/[^"]+)"/g)) expect((await fetch(`${server.url}${file}`)).status, file).toBe(200);
    expect(html).not.toMatch(/<script(?! type="module" crossorigin src=)|<style|style=| on[a-z]+=/);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect((await fetch(server.url, { method: "POST" })).status).toBe(405);
  });

  it("logs each connect and disconnect with its reason", async () => {
    const server = await shell.serve(shell.directory());
    const socket = client(`${server.url}/orders`);
    await connected(socket);
    const who = { namespace: "/orders", id: socket.id };
    expect(await server.logged((line) => line.msg === "connected")).toMatchObject({ ...who, remote: "127.0.0.1" });
    socket.io.engine.close();
    expect(await server.logged((line) => line.msg === "disconnected")).toMatchObject({ ...who, reason: "transport close" });
  });

  it("serves on, and ends with 0, when its log can be written nowhere", async () => {
    const port = await shell.freePort();
    const full = openSync("/dev/full", "w");
    const server = shell.start(["serve", "--port", String(port), "--directory", shell.directory()], { stdio: ["ignore", full, "pipe"] });
    closeSync(full);
    const url = `http://127.0.0.1:${port}`;
    const serves = (): Promise<boolean> =>
      fetch(`${url}/healthz`).then(
        ({ status }) => status === 200,
        () => false,
      );
    while (!(await serves())) expect(server.child.exitCode).toBeNull();
    for (let line = 0; line < 100; line++) {
      const socket = client(url);
      expect(await connected(socket)).toBe("connected");
      socket.disconnect();
    }
    expect(await serves()).toBe(true);
    expect(await server.kill("SIGTERM")).toMatchObject({ code: 0, stderr: "" });
  });

  it("closes on SIGTERM and on SIGINT, and ends with 0", async () => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const server = await shell.serve(shell.directory());
      const socket = client(server.url);
      await connected(socket);
      const ended = await server.cli.kill(signal);
      expect(ended).toMatchObject({ code: 0, stderr: "" });
      expect(server.log.map((line) => line.msg)).toEqual(["listening", "connected", "closing", "disconnected", "closed"]);
    }
  });

  it("says while it closes that it is shutting down, and not that its store does not work", async () => {
    const server = await shell.serve(shell.directory());
    const socket = client(server.url);
    await connected(socket);
    // Held until it is told what the server says meanwhile, so that it cannot be closed before.
    const delivered = new Promise<() => void>((resolve) => socket.on("holdfast:delivery", (_, settle: () => void) => resolve(settle)));
    await socket.emitWithAck("holdfast:consume", { queue: "orders" });
    await socket.emitWithAck("holdfast:publish", { queue: "orders", body: "cod" });
    const settle = await delivered;
    const ended = server.cli.kill("SIGTERM");
    await server.logged((line) => line.msg === "closing");
    const ready = await fetch(`${server.url}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([503, "the server is shutting down\n"]);
    settle();
    expect(await ended).toMatchObject({ code: 0 });
  });

  it("answers on health and readiness, and on nothing else", async () => {
    const server = await shell.serve(shell.directory());
    const status = async (path: string, method = "GET"): Promise<number> => (await fetch(`${server.url}${path}`, { method })).status;
    expect(await status("/healthz")).toBe(200);
    expect(await status("/readyz")).toBe(200);
    expect(await status("/readyz", "POST")).toBe(405);
    expect(await status("/")).toBe(404);
    expect(await status("/socket.io/socket.io.js")).toBe(400);
  });

  it("takes its configuration from a file, and flags before it", async () => {
    const directory = shell.directory();
    const config = join(directory, "holdfast.json");
    writeFileSync(config, JSON.stringify({ engine: "memory", host: "localhost", namespacesMax: 0 }));
    const server = await shell.serve(join(directory, "unused"), 0, ["--config", config, "--host", "127.0.0.1"]);
    expect(server.log[0]).toMatchObject({ engine: "memory", address: expect.stringContaining("127.0.0.1") });
    expect(server.log[0]).not.toHaveProperty("directory");
    expect(await connected(client(`${server.url}/orders`))).toBe("Invalid namespace");
  });

  it("serves as many namespaces as it may", async () => {
    const server = await shell.serve(shell.directory(), 0, ["--namespaces-max", "2"]);
    expect(await connected(client(`${server.url}/a`))).toBe("connected");
    expect(await connected(client(`${server.url}/b`))).toBe("connected");
    expect(await connected(client(`${server.url}/c`))).toBe("Invalid namespace");
    expect(await connected(client(`${server.url}/a`))).toBe("connected");
    expect(await connected(client(`${server.url}/..%2f`))).toBe("Invalid namespace");
    expect(await server.logged((line) => line.msg === "namespace refused")).toMatchObject({
      reason: expect.stringContaining('namespace "/c"'),
    });
  });

  it("lets in no web page whose origin was not allowed", async () => {
    const server = await shell.serve(shell.directory(), 0, ["--origin", "http://localhost:5173"]);
    const from = (origin: string): Socket => client(server.url, { extraHeaders: { origin } });
    expect(await connected(from("http://localhost:5173"))).toBe("connected");
    // Programs that name the server itself, as Python's do.
    expect(await connected(from(server.url))).toBe("connected");
    expect(await connected(from("http://localhost:5174"))).toBe("websocket error");
    const refused = await server.logged((line) => line.msg === "connection refused");
    expect(refused).toMatchObject({
      remote: "127.0.0.1",
      kind: "origin",
      reason: "origin http://localhost:5174 is not allowed; --origin allows it",
    });
  });

  it("listens with TLS, and says what is wrong with its files without showing them", async () => {
    const directory = shell.directory();
    const [key, cert] = [join(directory, "key.pem"), join(directory, "cert.pem")];
    const subject = ["-subj", "/CN=localhost", "-days", "2", "-addext", "subjectAltName=IP:127.0.0.1"];
    execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, ...subject], {
      stdio: "ignore",
    });
    const server = await shell.serve(join(directory, "data"), 0, ["--tls-cert", cert, "--tls-key", key]);
    expect(server.url).toMatch(/^https:/);
    expect(await connected(client(server.url, { ca: readFileSync(cert, "utf8") }))).toBe("connected");
    expect(await connected(client(server.url.replace("https", "http")))).toBe("websocket error");
    const missing = await shell.run(["serve", "--tls-cert", cert]);
    expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining("--tls-key is missing, expected both or none") });
    const swapped = await shell.run(["serve", "--tls-cert", key, "--tls-key", cert]);
    expect(swapped).toMatchObject({ code: 2, stderr: expect.stringContaining("are no pair of PEM files") });
    expect(swapped.stderr).not.toContain("BEGIN");
  });

  it("takes HTTP long polling only when asked", async () => {
    const without = await shell.serve(shell.directory());
    expect(await connected(client(without.url, { transports: ["polling"] }))).toBe("xhr poll error");
    await without.logged((line) => line.reason === "HTTP long polling is off; --polling allows it");
    const server = await shell.serve(shell.directory(), 0, ["--polling"]);
    expect(await connected(client(server.url, { transports: ["polling"] }))).toBe("connected");
  });

  it("goes on when nobody reads its log any more", async () => {
    const server = await shell.serve(shell.directory());
    server.cli.child.stdout?.destroy();
    for (let round = 0; round < 3; round++) expect(await connected(client(server.url))).toBe("connected");
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });
});
