import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Refusals } from "../limits/refusals.js";
import type { TransportRefusal, TransportSettings } from "./transport-options.js";

/** How often connections are looked through for those that take too long. */
const LOOK_EVERY_MS = 1_000;
const KEEP_ALIVE_MS = 5_000;
const HEADERS_MAX = 64;
const HEADER_BYTES_MAX = 16_384;
const TLS_HANDSHAKE_MS = 10_000;
/** Connections that are no Socket.IO session: those being made, health checks, and browsers that poll with several. */
const SPARE_CONNECTIONS = 1_000;

export type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

/** An HTTP server that gives nobody for ever to say what they want, and has so many connections. */
export function createHttpServer(settings: TransportSettings, refusals: Refusals<TransportRefusal>, answer: RequestListener): HttpServer {
  const { limits, tls } = settings;
  const options = {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: Math.max(limits.requestTimeoutMs, limits.headersTimeoutMs),
    connectionsCheckingInterval: Math.min(LOOK_EVERY_MS, limits.headersTimeoutMs),
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: HEADER_BYTES_MAX,
  };
  const http =
    tls === undefined
      ? createServer(options, answer)
      : createTlsServer(
          { ...options, cert: textOf(tls.cert), key: textOf(tls.key), minVersion: "TLSv1.2", handshakeTimeout: TLS_HANDSHAKE_MS },
          answer,
        );
  http.maxHeadersCount = HEADERS_MAX;
  http.maxConnections = limits.connectionsMax + SPARE_CONNECTIONS;
  http.on("drop", (dropped?: { readonly remoteAddress?: string }) =>
    refusals.add("connections", `${http.maxConnections} connections are open, as many as may`, dropped?.remoteAddress),
  );
  http.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    const isSlow = error.code === "ERR_HTTP_REQUEST_TIMEOUT";
    refusals.add(isSlow ? "slow" : "request", isSlow ? "a request took too long" : error.message, (socket as Socket).remoteAddress);
    if (!socket.writable) socket.destroy();
    else socket.end(`HTTP/1.1 ${statusOf(error)}\r\nConnection: close\r\n\r\n`);
  });
  http.on("tlsClientError", (error: Error, socket: Socket) => refusals.add("tls", error.message, socket.remoteAddress));
  return http;
}

function statusOf({ code }: NodeJS.ErrnoException): string {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return "408 Request Timeout";
  return code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
}

const textOf = (pem: string | Uint8Array): string | Buffer => (typeof pem === "string" ? pem : Buffer.from(pem));
