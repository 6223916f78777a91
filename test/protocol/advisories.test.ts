import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { io, type Socket } from "socket.io-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningServer, Shell } from "../e2e/cli-process.js";
import { joined, openSocket, PollingSession, request } from "./raw.js";
import { BINARY, CLOSE, FINAL, PING_FRAME, TEXT, upgradeRequest, Wire } from "./wire.js";

/**
 * What has ended servers of Socket.IO before, sent to this one: each advisory as it was published, and, because a first fix is
 * often not the last, what lies around it.
 */
const shell = new Shell();
let server: RunningServer;
let url: string;
let other: Socket;

beforeAll(async () => {
  const directory = shell.directory();
  // What is nested or long without end is to be read, and not refused for its length already.
  const config = join(directory, "config.json");
  writeFileSync(config, JSON.stringify({ connections: { packetBytesMax: 4_194_304 } }));
  const flags = ["--polling", "--engine", "memory", "--origin", "https://example.org", "--config", config];
  server = await shell.serve(join(directory, "data"), 0, flags);
  url = server.url;
  other = io(url, { transports: ["websocket"], forceNew: true, reconnection: false });
  await new Promise<void>((resolve) => other.once("connect", () => resolve()));
  other.on("holdfast:delivery", (delivery: { readonly body: unknown }, callback: () => void) => {
    got.push(delivery.body);
    callback();
  });
  await other.emitWithAck("holdfast:consume", { queue: "other" });
});

afterAll(async () => {
  other.disconnect();
  await shell.close();
});

const got: unknown[] = [];

/** The other client publishes, consumes and settles on the same connection as before. */
async function otherIsUnharmed(): Promise<void> {
  const body = `after ${got.length}`;
  const reply = (await other.timeout(10_000).emitWithAck("holdfast:publish", { queue: "other", body })) as { readonly ok: boolean };
  expect(reply.ok).toBe(true);
  while (got.at(-1) !== body) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(server.cli.child.exitCode).toBeNull();
}

/** Sends packets to a namespace that was joined; resolves when the server cut the connection, or has answered what came after them. */
async function sent(...packets: readonly (string | Uint8Array)[]): Promise<"cut" | "taken"> {
  const socket = await joined(url);
  socket.send(...packets, `4299["holdfast:list",{"kind":"queues"}]`);
  for (;;) {
    const message = await socket.next().catch(() => undefined);
    if (message === undefined) return "cut";
    if (typeof message === "string" && message.startsWith("4399[")) break;
  }
  socket.close();
  return "taken";
}

const placeholder = (num: unknown): string =>
  `451-["holdfast:publish",{"queue":"q","body":{"_placeholder":true,"num":${JSON.stringify(num)}}}]`;
const deep = (depth: number): string => `${"[".repeat(depth)}${"]".repeat(depth)}`;

type Case = readonly [id: string, what: string, attack: () => Promise<void>];

/** The packets of one kind, each on a connection of its own. */
const each = (packets: readonly (string | readonly (string | Uint8Array)[])[], outcome: "cut" | "taken") => async (): Promise<void> => {
  for (const packet of packets)
    expect(await sent(...(typeof packet === "string" ? [packet] : packet)), String(packet).slice(0, 80)).toBe(outcome);
};

const socketIo: readonly Case[] = [
  [
    "CVE-2020-28481",
    "a page of any origin may read what the server says",
    async () => {
      for (const origin of ["https://evil.net", "null", "https://example.org.evil.net"]) {
        const response = await request(url, "EIO=4&transport=polling", { headers: { origin } });
        expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([403, null]);
      }
    },
  ],
  [
    "CVE-2024-38355",
    "an event `error` that nobody listens for",
    each(['42["error","x"]', '421["error"]', '42["error",{"message":1}]'], "taken"),
  ],
  [
    "CVE-2024-38355",
    "events that Socket.IO keeps for itself",
    each(
      ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"].map((event) => `42["${event}",1]`),
      "cut",
    ),
  ],
];

const parser: readonly Case[] = [
  ["CVE-2020-36049", "a packet of nothing but digits", each([`45${"9".repeat(4_000_000)}`, `42/${"n".repeat(4_000_000)}`], "cut")],
  [
    "CVE-2022-2421",
    "a placeholder that names a method instead of a buffer",
    each(
      ["splice", -1, 1, 1e9, null, {}, "__proto__"].map((num) => [placeholder(num), Buffer.from("x")]),
      "cut",
    ),
  ],
  [
    "CVE-2023-32695",
    "an event whose name is an object",
    each(['42[{"toString":"x"}]', '42[{"toString":"x","length":1},1]', "42[null]", "42[[]]", "42[true]", "42[]", "42{}", '42"x"'], "cut"),
  ],
  [
    "CVE-2023-32695",
    "one without a name, or whose name is a number",
    each([`42${"1".repeat(4_000_000)}`, "42", "42[1]", "42[-0]", "421[1e308,{}]"], "taken"),
  ],
  [
    "CVE-2026-33151",
    "more attachments than anybody sends",
    each(
      [
        '4511-["x"]',
        '45999999999-["x"]',
        '451e9-["x"]',
        '45Infinity-["x"]',
        '45-1-["x"]',
        '450-["x"]',
        '451.5-["x"]',
        '45-["x"]',
        '45 -["x"]',
      ],
      "cut",
    ),
  ],
  [
    "CVE-2026-69185",
    "packets that wait for attachments which never come, and others in between",
    async () => {
      expect(await sent('451-["x",{"_placeholder":true,"num":0}]')).toBe("cut");
      expect(await sent(`4510-["x",${"1,".repeat(1_000_000)}1]`, ...Array(9).fill(Buffer.alloc(1)), "3")).toBe("cut");
      expect(await sent(Buffer.from("x"))).toBe("cut");
      expect(await sent("440", "45", "46", "47", "4")).toBe("cut");
    },
  ],
  ["CVE-2026-69185", "nesting without end", each([`42["holdfast:publish",${deep(1_000_000)}]`, `421["x",${deep(1_000_000)}]`], "taken")],
  [
    "CVE-2026-69185",
    "nesting without end around a buffer, and in a handshake",
    async () => {
      const nested = `${"[".repeat(100_000)}{"_placeholder":true,"num":0}${"]".repeat(100_000)}`;
      expect(["cut", "taken"]).toContain(await sent(`451-["x",${nested}]`, Buffer.from("x")));
      const { socket } = await openSocket(url);
      socket.send(`40{"user":${deep(1_000_000)}}`);
      expect(await socket.text()).toMatch(/^44\{"message":"auth takes more than/);
      socket.close();
    },
  ],
];

const engine: readonly Case[] = [
  [
    "CVE-2020-36048",
    "a body that is larger than what is allowed, at once and in pieces",
    async () => {
      const session = await PollingSession.open(url);
      const refused = await request(url, session.query, { method: "POST", body: "4".repeat(5_000_000) }).catch(() => undefined);
      expect([undefined, 400, 413]).toContain(refused?.status);
      const wire = await Wire.open(url);
      const { query } = await PollingSession.open(url);
      wire.write(`POST /socket.io/?${query} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n`);
      for (let piece = 0; piece < 50 && wire.isOpen; piece++) wire.write(`186a0\r\n${"4".repeat(100_000)}\r\n`);
      expect(await wire.until("HTTP/1.1 ")).toMatch(/^(HTTP\/1.1 413|$)/);
      wire.reset();
    },
  ],
  [
    "CVE-2020-36048",
    "many packets in one body",
    async () => {
      const session = await PollingSession.open(url);
      const response = await request(url, session.query, { method: "POST", body: Array(200_000).fill("3").join("\x1e") }).catch(
        () => undefined,
      );
      expect([undefined, 200, 400]).toContain(response?.status);
    },
  ],
  [
    "CVE-2022-21676",
    "a frame with reserved bits, at each stage of a connection",
    async () => {
      for (const bits of [0x40, 0x20, 0x10, 0x70]) {
        const early = await Wire.open(url);
        early.write(upgradeRequest());
        early.frame(FINAL | bits | TEXT, "40");
        await early.closed;
        const wire = await Wire.upgrade(url);
        wire.text("40");
        await wire.until("40{");
        wire.frame(FINAL | bits | TEXT, '42["x"]');
        await wire.closed;
      }
      const { query } = await PollingSession.open(url);
      const upgrading = await Wire.upgrade(url, [], query.replace("polling", "websocket"));
      upgrading.frame(FINAL | 0x70 | TEXT, "2probe");
      await upgrading.closed;
    },
  ],
  [
    "CVE-2022-41940",
    "a connection that is reset while it is refused, or made",
    async () => {
      for (const query of [
        "EIO=3&transport=websocket",
        "EIO=4&transport=websocket",
        "EIO=4&transport=nothing",
        "EIO=4&transport=websocket&sid=unknown",
      ]) {
        for (let time = 0; time < 20; time++) {
          const wire = await Wire.open(url);
          wire.write(upgradeRequest([], query));
          if (time % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
          wire.reset();
          await wire.closed;
        }
      }
    },
  ],
  [
    "CVE-2023-31125",
    "a session or transport that is a property of every object",
    async () => {
      const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "__proto__[x]", "prototype"];
      for (const name of names) {
        for (const query of [
          `EIO=4&transport=polling&sid=${name}`,
          `EIO=4&transport=${name}`,
          `EIO=${name}&transport=polling&sid=${name}`,
        ]) {
          expect((await request(url, query)).status, query).toBe(400);
          expect((await request(url, query, { method: "POST", body: "40" })).status, query).toBe(400);
        }
        for (const query of [`EIO=4&transport=websocket&sid=${name}`, `EIO=4&transport=${name}`]) {
          const wire = await Wire.open(url);
          wire.write(upgradeRequest([], query));
          expect(await wire.closed, query).toMatch(/^HTTP\/1.1 400/);
        }
      }
    },
  ],
  [
    "CVE-2026-59724",
    "a session given twice, a transport that is none, or as an object",
    async () => {
      for (const query of [
        "EIO=4&transport=polling&sid=a&sid=b",
        "EIO=4&transport=webtransport",
        "EIO=4",
        "",
        "EIO=4&transport[]=polling",
      ]) {
        expect((await request(url, query)).status, query).toBe(400);
        const wire = await Wire.open(url);
        wire.write(upgradeRequest([], query));
        expect(await wire.closed, query).toMatch(/^HTTP\/1.1 400/);
      }
    },
  ],
  [
    "CVE-2026-59725",
    "bytes posted where text is expected",
    async () => {
      for (const body of [Buffer.from("40"), Buffer.alloc(100_000), Buffer.alloc(0)]) {
        const { query } = await PollingSession.open(url);
        const headers = { "content-type": "application/octet-stream" };
        for (let time = 0; time < 2; time++) expect((await request(url, query, { method: "POST", body, headers })).status).toBe(400);
      }
    },
  ],
  [
    "CVE-2026-102599",
    "polls and posts of one session at a time, and ones that are given up",
    async () => {
      for (let time = 0; time < 10; time++) {
        const session = await PollingSession.open(url);
        const giveUp = new AbortController();
        const polls = [session.get({ signal: giveUp.signal }), session.get(), session.get()].map((poll) =>
          poll.then(
            ({ status }) => status,
            () => 0,
          ),
        );
        const posts = [session.post("40"), session.post("40"), session.post("40")].map((post) =>
          post.then(
            ({ status }) => status,
            () => 0,
          ),
        );
        giveUp.abort();
        for (const status of await Promise.all([...posts, ...polls])) expect([0, 200, 400]).toContain(status);
        const wire = await Wire.open(url);
        wire.write(`POST /socket.io/?${session.query} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n40`);
        wire.reset();
      }
    },
  ],
  [
    "CVE-2026-102599",
    "steps to WebSocket that are begun again and again, and never finished",
    async () => {
      const { query } = await PollingSession.open(url);
      const wires = await Promise.all(Array.from({ length: 5 }, () => Wire.upgrade(url, [], query.replace("polling", "websocket"))));
      for (const wire of wires) {
        wire.text("2probe");
        wire.text("2probe");
        wire.text("5");
        wire.text("5");
      }
      for (const wire of wires) wire.reset();
    },
  ],
];

const webSocket: readonly Case[] = [
  [
    "CVE-2021-32640",
    "a header Sec-WebSocket-Protocol that takes a regular expression for ever",
    async () => {
      const started = performance.now();
      const wire = await Wire.open(url);
      wire.write(upgradeRequest([`Sec-WebSocket-Protocol: b${" ".repeat(15_000)}x`]));
      expect(await wire.until("HTTP/1.1 ")).toMatch(/^HTTP\/1.1 (101|400)/);
      expect(performance.now() - started).toBeLessThan(5_000);
      wire.reset();
    },
  ],
  [
    "CVE-2024-37890",
    "more headers than are read, so that `Upgrade` is not among them",
    async () => {
      for (const count of [64, 1_000, 2_000]) {
        const wire = await Wire.open(url);
        const many = Array.from({ length: count }, (_, index) => `x${index}: 1`);
        wire.write(upgradeRequest().replace("Connection:", `${many.join("\r\n")}\r\nConnection:`));
        expect(await wire.until("HTTP/1.1 ")).toMatch(/^HTTP\/1.1 \d{3}/);
        wire.reset();
      }
    },
  ],
  [
    "CVE-2026-45736",
    "control frames that are fragments, too long, or closes with no sense",
    async () => {
      const frames: readonly (readonly [first: number, payload: Buffer])[] = [
        [PING_FRAME, Buffer.from("x")],
        [FINAL | PING_FRAME, Buffer.alloc(126)],
        [FINAL | CLOSE, Buffer.from([3])],
        [FINAL | CLOSE, Buffer.from([0, 0])],
        [FINAL | CLOSE, Buffer.from([0x03, 0xe8, 0xff, 0xfe])],
        [FINAL | CLOSE, Buffer.concat([Buffer.from([0x13, 0x87]), Buffer.alloc(123, 0x78)])],
        [FINAL | 0x0f, Buffer.alloc(0)],
        [FINAL | 0, Buffer.from("40")],
      ];
      for (const [first, payload] of frames) {
        const wire = await Wire.upgrade(url);
        wire.text("40");
        await wire.until("40{");
        wire.frame(first, payload);
        await wire.closed;
      }
      const unmasked = await Wire.upgrade(url);
      unmasked.frame(FINAL | TEXT, "40", false);
      await unmasked.closed;
    },
  ],
  [
    "CVE-2026-48779",
    "a message of very many small fragments",
    async () => {
      const wire = await Wire.upgrade(url);
      const fragment = Buffer.from([0, 0x81, 0, 0, 0, 0, 0x20]);
      wire.frame(TEXT, "4");
      for (let count = 0; count < 200 && wire.isOpen; count++) {
        wire.write(Buffer.concat(Array<Buffer>(1_000).fill(fragment)));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await wire.closed;
    },
  ],
  [
    "CVE-2026-62389",
    "a frame that says it is huge, and one that comes byte by byte",
    async () => {
      for (const length of [0x7f_ff_ff_ff, 0xff_ff_ff_ff]) {
        const wire = await Wire.upgrade(url);
        const head = Buffer.from([FINAL | BINARY, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        head.writeUInt32BE(length, 6);
        wire.write(head);
        await wire.closed;
      }
      const wire = await Wire.upgrade(url);
      wire.text("40");
      await wire.until("40{");
      const head = Buffer.from([FINAL | TEXT, 0xfe, 0x40, 0, 0, 0, 0, 0]);
      wire.write(head);
      wire.trickle(Buffer.alloc(0x2000, "4"));
      wire.reset();
    },
  ],
];

describe.each([
  ["socket.io", socketIo],
  ["socket.io-parser", parser],
  ["engine.io", engine],
  ["ws", webSocket],
] as const)("%s", (_, cases) => {
  it.each(cases)("%s: %s", async (_id, _what, attack) => {
    await attack();
    await otherIsUnharmed();
  });
});

describe("the libraries", () => {
  const floors: Readonly<Record<string, readonly [number, number, number]>> = {
    "socket.io": [4, 8, 4],
    "socket.io-parser": [4, 2, 7],
    "engine.io": [6, 6, 12],
    ws: [8, 21, 3],
  };
  const lock = JSON.parse(readFileSync(new URL("../../package-lock.json", import.meta.url), "utf8")) as {
    readonly packages: Readonly<Record<string, { readonly version?: string }>>;
  };

  it.each(Object.entries(floors))("%s is not older than where all of this is fixed, wherever it is installed", (name, floor) => {
    const versions = Object.entries(lock.packages).filter(([path]) => path.endsWith(`node_modules/${name}`));
    expect(versions.length).toBeGreaterThan(0);
    for (const [path, { version = "" }] of versions) {
      const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
      const order = major - floor[0] || minor - floor[1] || patch - floor[2];
      expect(order, `${path} ${version}`).toBeGreaterThanOrEqual(0);
    }
  });
});
