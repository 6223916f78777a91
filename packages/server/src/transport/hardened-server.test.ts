import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { io as connectClient } from "socket.io-client";
import { Happenings, until } from "../gateway/test-host.js";
import type { Refused } from "../limits/refusals.js";
import { HardenedServer } from "./hardened-server.js";
import type { TransportOptions, TransportRefusal } from "./transport-options.js";

let server: HardenedServer;
/** What ends the clients of a test. */
const ends: (() => void)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) end();
  await server.close();
});

async function open(options: TransportOptions = {}): Promise<string> {
  server = new HardenedServer(options);
  await server.listen(0, "127.0.0.1");
  return `http://127.0.0.1:${port()}`;
}

const port = (): number => (server.http.address() as AddressInfo).port;

/** Resolves to "connected" or what the server said. */
function attempt(url: string, headers: Record<string, string>, transport = "websocket", auth: object = {}): Promise<string> {
  const client = connectClient(url, { transports: [transport], forceNew: true, reconnection: false, extraHeaders: headers, auth });
  ends.push(() => client.disconnect());
  return new Promise((resolve) => {
    client.once("connect", () => resolve("connected"));
    client.once("connect_error", (error) => resolve(error.message));
  });
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

/** A request with any `Host`, which `fetch` does not let through. */
function ask(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port: port(), host: "127.0.0.1", path, headers, method }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }));
    });
    request.on("error", reject).end();
  });
}

const handshake = "/socket.io/?EIO=4&transport=polling";

describe("origins", () => {
  it.each(["websocket", "polling"])("are checked exactly, over %s", async (transport) => {
    const url = await open({ origins: ["https://example.org"], polling: true });
    const from = (origin: string): Promise<string> => attempt(url, { origin }, transport);
    expect(await attempt(url, {}, transport)).toBe("connected");
    expect(await from("https://example.org")).toBe("connected");
    expect(await from(url)).toBe("connected");
    const strangers = ["https://example.org.evil.net", "http://example.org", "https://sub.example.org", "https://example.org:444", "null"];
    for (const origin of strangers) expect(await from(origin), origin).toMatch(/error/);
    expect(server.refused.origin).toBe(strangers.length);
  });

  it("are refused in words, without leave of CORS", async () => {
    await open({ origins: ["https://example.org"], polling: true });
    const refused = await ask(handshake, { origin: "https://evil.net" });
    expect(refused).toMatchObject({ status: 403, body: '{"code":4,"message":"origin https://evil.net is not allowed"}' });
    expect(refused.headers).not.toHaveProperty("access-control-allow-origin");
    const allowed = await ask(handshake, { origin: "https://example.org" });
    expect(allowed.headers["access-control-allow-origin"]).toBe("https://example.org");
  });

  it("are checked of every request of a session, not of its first only", async () => {
    await open({ polling: true });
    const sid = (JSON.parse((await ask(handshake)).body.slice(1)) as { sid: string }).sid;
    for (const method of ["GET", "POST"])
      expect((await ask(`${handshake}&sid=${sid}`, { origin: "https://evil.net" }, method)).status).toBe(400);
    const headers = {
      origin: "https://evil.net",
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    };
    expect((await ask(`/socket.io/?EIO=4&transport=websocket&sid=${sid}`, headers)).status).toBe(400);
    expect(server.refused).toMatchObject({ origin: 3, request: 0 });
  });

  it("must have the form that browsers send", () => {
    for (const origin of ["https://example.org/", "example.org", "*", "https://EXAMPLE.org"])
      expect(() => new HardenedServer({ origins: [origin] })).toThrow(
        /origin is .* expected the form that browsers send: https:\/\/example.org/,
      );
  });
});

describe("the host of a request", () => {
  it("is a name of loopback where that is how it came: no page under a name that leads here gets in", async () => {
    await open({ polling: true, onRequest: (_request, response) => response.end("page") });
    for (const host of ["localhost", `localhost:${port()}`, "127.0.0.1:1", "[::1]:3000", "app.localhost", "LOCALHOST"]) {
      expect((await ask(handshake, { host })).status, host).toBe(200);
      expect((await ask("/", { host })).body, host).toBe("page");
    }
    for (const host of ["evil.net", `evil.net:${port()}`, "localhost.evil.net", "127.0.0.1.evil.net", "[2001:db8::1]", "evil.net:80:80"]) {
      expect((await ask(handshake, { host })).status, host).toBe(403);
      expect(await ask("/", { host }), host).toMatchObject({ status: 421, body: expect.stringContaining("is not a name of this server") });
    }
    expect(await attempt(`http://127.0.0.1:${port()}`, { host: "evil.net" })).toBe("websocket error");
  });

  it("may be a name that was allowed, or that of an allowed origin", async () => {
    await open({ polling: true, hosts: ["queue.internal"], origins: ["https://example.org"] });
    for (const host of ["queue.internal:3000", "example.org"]) expect((await ask(handshake, { host })).status).toBe(200);
  });
});

describe("a packet that is larger than may be", () => {
  it("is refused by its announced length, before anything of it was sent, and counted", async () => {
    const told = new Happenings<Refused<TransportRefusal>>();
    await open({ limits: { packetBytesMax: 20_000 }, onRefused: (refused) => told.add(refused) });
    const socket = connect(port(), "127.0.0.1");
    ends.push(() => socket.destroy());
    let said = "";
    socket.setEncoding("latin1").on("data", (text: string) => (said += text));
    socket.write(
      "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
    await until(() => said.includes('"sid"'));
    // The head of a frame of 20,001 bytes, and none of them: RFC 6455, section 5.2. The answer is a close frame with code 1009.
    socket.write(Buffer.from([0x81, 0x80 + 126, 0x4e, 0x21]));
    await until(() => said.endsWith("\x88\x02\x03\xf1"));
    const [first] = await told.count(1);
    expect(first).toMatchObject({ kind: "packet", reason: "a packet takes more than 20000 bytes", remote: "127.0.0.1" });
    expect(server.refused.packet).toBe(1);
  });

  it("is one that no array of 1 MiB makes, unless told otherwise", async () => {
    await open();
    expect(server.io.engine.opts.maxHttpBufferSize).toBe(1_572_864);
  });
});

describe("what is off", () => {
  it("long polling, Engine.IO 3, the client's script, compression", async () => {
    const url = await open();
    expect(await attempt(url, {}, "polling")).toMatch(/error/);
    expect((await ask(handshake)).body).toContain("Transport unknown");
    expect((await ask("/socket.io/socket.io.js")).status).toBe(400);
    expect(server.refused).toMatchObject({ polling: 2 });
    await server.close();
    await open({ polling: true });
    expect((await ask("/socket.io/?EIO=3&transport=polling")).body).toContain("Unsupported protocol version");
    expect((await ask(handshake, { "accept-encoding": "gzip, deflate" })).headers).not.toHaveProperty("content-encoding");
  });
});

describe("numbers of connections", () => {
  const forwarded = (address: string): Record<string, string> => ({ "x-forwarded-for": address });

  it("are bounded together", async () => {
    const url = await open({ limits: { connectionsMax: 2 } });
    expect(await attempt(url, {})).toBe("connected");
    expect(await attempt(url, {})).toBe("connected");
    expect(await attempt(url, {})).toBe("websocket error");
    expect(server.refused.connections).toBe(1);
    ends[0]?.();
    await until(async () => (await attempt(url, {})) === "connected");
  });

  it("are bounded by address, also of sessions that poll, and of a whole network of IPv6", async () => {
    const url = await open({ polling: true, trustedProxies: 1, limits: { addressConnectionsMax: 2 } });
    expect(await attempt(url, forwarded("2001:db8::1"), "polling")).toBe("connected");
    expect(await attempt(url, forwarded("2001:db8::2"))).toBe("connected");
    expect(await attempt(url, forwarded("2001:db8::3"))).toBe("websocket error");
    const refused = await ask(handshake, forwarded("2001:db8::4"));
    expect(refused).toMatchObject({ status: 403, body: expect.stringContaining("has 2 connections, as many as one may have") });
    expect(await attempt(url, forwarded("2001:db8:0:1::1"))).toBe("connected");
    for (let index = 0; index < 4; index++) expect(await attempt(url, forwarded("127.0.0.1"))).toBe("connected");
  });

  it("are bounded in how fast they come from an address", async () => {
    await open({ polling: true, trustedProxies: 1, limits: { connectRate: { perSecond: 0.001, burst: 3 } } });
    const statuses: number[] = [];
    for (let index = 0; index < 5; index++) statuses.push((await ask(handshake, forwarded("203.0.113.9"))).status);
    expect(statuses.slice(0, 3)).toEqual([200, 200, 200]);
    expect(statuses[4]).toBe(403);
    expect((await ask(handshake, forwarded("203.0.113.10"))).status).toBe(200);
  });
});

describe("time", () => {
  it("is up for who sends half a request, or nothing at all", async () => {
    const told = new Happenings<Refused<TransportRefusal>>();
    await open({ limits: { headersTimeoutMs: 200, requestTimeoutMs: 200 }, onRefused: (refused) => told.add(refused) });
    for (const begun of ["", "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "]) {
      const socket = connect(port(), "127.0.0.1");
      ends.push(() => socket.destroy());
      if (begun !== "") socket.write(begun);
      let said = "";
      socket.setEncoding("utf8").on("data", (text: string) => (said += text));
      await new Promise((resolve) => socket.once("close", resolve));
      expect(said).toMatch(/^HTTP\/1.1 408 Request Timeout/);
    }
    expect(server.refused.slow).toBe(2);
    expect(await told.count(1)).toMatchObject([{ kind: "slow", count: 1 }]);
  });
});

describe("the end", () => {
  it("waits for nobody for long: not for who said nothing, nor for a client that sleeps", async () => {
    await open();
    const upgrade = [
      `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1`,
      `Host: 127.0.0.1:${port()}`,
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ];
    const closed: Promise<unknown>[] = [];
    for (const begun of ["", "GET / HTTP/1.1\r\nX-Slow: ", `${upgrade.join("\r\n")}\r\n\r\n`]) {
      const socket = connect(port(), "127.0.0.1");
      ends.push(() => socket.destroy());
      await new Promise((resolve) => socket.once("connect", resolve));
      closed.push(new Promise((resolve) => socket.on("error", () => undefined).once("close", resolve)));
      socket.resume().write(begun);
    }
    await until(() => server.io.engine.clientsCount === 1);
    await server.close();
    await Promise.all(closed);
  });
});

describe("a handshake", () => {
  it("brings so many bytes, however they are packed", async () => {
    const url = await open({ limits: { authBytesMax: 1_000 } });
    server.io.of("/other");
    expect(await attempt(url, {}, "websocket", { token: "x".repeat(900) })).toBe("connected");
    const large = { deep: JSON.parse(`${"[".repeat(2_000)}${"]".repeat(2_000)}`) as unknown };
    for (const namespace of ["/", "/other"])
      for (const auth of [{ token: "x".repeat(1_001) }, large])
        expect(await attempt(`${url}${namespace}`, {}, "websocket", auth)).toBe(
          "auth takes more than 1000 bytes, at most as many are allowed",
        );
    expect(server.refused.handshake).toBe(4);
  });
});

describe("TLS", () => {
  it("is spoken from 1.2 on", async () => {
    const directory = mkdtempSync(join(tmpdir(), "holdfast-tls-"));
    try {
      const [key, cert] = [join(directory, "key.pem"), join(directory, "cert.pem")];
      execFileSync(
        "openssl",
        [
          "req",
          "-x509",
          "-newkey",
          "ec",
          "-pkeyopt",
          "ec_paramgen_curve:prime256v1",
          "-nodes",
          "-keyout",
          key,
          "-out",
          cert,
          "-subj",
          "/CN=localhost",
          "-days",
          "2",
        ],
        { stdio: "ignore" },
      );
      await open({ tls: { key: readFileSync(key), cert: readFileSync(cert, "utf8") } });
      const speak = (version: "TLSv1.1" | "TLSv1.2" | "TLSv1.3"): Promise<string> =>
        new Promise((resolve) => {
          const socket = connectTls({
            port: port(),
            host: "127.0.0.1",
            rejectUnauthorized: false,
            minVersion: "TLSv1",
            maxVersion: version,
            ciphers: "DEFAULT@SECLEVEL=0",
          });
          socket.once("secureConnect", () => {
            resolve(String(socket.getProtocol()));
            socket.destroy();
          });
          socket.once("error", () => resolve("refused"));
        });
      expect(await speak("TLSv1.1")).toBe("refused");
      expect(await speak("TLSv1.2")).toBe("TLSv1.2");
      expect(await speak("TLSv1.3")).toBe("TLSv1.3");
      expect(server.refused.tls).toBe(1);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
