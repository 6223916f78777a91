import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { HardenedServer, Holdfast, type HoldfastOptions } from "holdfast";
import { Server } from "socket.io";
import type { ServerKind, ServerReady, Usage } from "./protocol.js";
import { authOf } from "./token.js";

/** The server under test, in a process of its own: `node server.js KIND DIRECTORY SECRET`. */
const [kind, directory, secret] = process.argv.slice(2) as [ServerKind, string, string];

/** Also of consumers of a connection: a benchmark asks for as many as it likes. */
const QUEUES_MAX = 1_000_000;

/** Of `guarded` each bucket there is; so much is in them that none is ever empty. */
function limitsOf(kind: ServerKind): Pick<HoldfastOptions, "limits" | "unlimitedAddresses"> {
  const ample = { perSecond: 1e9, burst: 1e9 };
  const rate = kind === "guarded" ? ample : kind === "unguarded" ? (false as const) : undefined;
  const limits = { consumersMax: QUEUES_MAX, connectionRate: rate, userRate: rate, addressRate: rate };
  return { limits, ...(kind === "guarded" && { unlimitedAddresses: [] }) };
}

function makeServer(): Pick<HardenedServer, "http" | "io"> {
  if (kind === "hardened") return new HardenedServer({ trustedProxies: 1, limits: { addressConnectionsMax: 100 } });
  const http = createServer();
  return { http, io: new Server(http, { serveClient: false, transports: ["websocket"] }) };
}

const { http, io } = makeServer();
let holdfast: Holdfast | undefined;
if (kind !== "plain") {
  const auth = kind === "guarded" || kind === "hardened" ? authOf(secret) : undefined;
  holdfast = await Holdfast.open({ directory, queuesMax: QUEUES_MAX, auth, ...limitsOf(kind) });
  holdfast.attach(io, kind === "unguarded" ? { identify: () => "bench" } : {});
}
if (kind === "plain" || kind === "attached") {
  io.on("connection", (socket) => {
    socket.on("message", (_body: unknown, acknowledge: () => void) => acknowledge());
  });
}
http.listen(0, "127.0.0.1", () => {
  const ready: ServerReady = { port: (http.address() as AddressInfo).port };
  process.send?.(ready);
});

process.on("message", (question) => {
  if (question === "usage") {
    const { user, system } = process.cpuUsage();
    // Twice: what a first collection finalizes, a second one frees.
    globalThis.gc?.();
    globalThis.gc?.();
    const { rss, heapUsed } = process.memoryUsage();
    const usage: Usage = { cpuUs: user + system, rssBytes: rss, heapBytes: heapUsed };
    process.send?.(usage);
  }
  if (question === "stop") void stop();
});

async function stop(): Promise<void> {
  await holdfast?.close();
  io.disconnectSockets(true);
  await io.close();
  process.disconnect();
}
