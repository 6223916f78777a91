import type { IncomingMessage, ServerResponse } from "node:http";

/**
 * What the HTTP server answers beside Socket.IO: `/healthz` says that the process runs, `/readyz` that its store
 * works. A full disk is no failure of it: publishes are refused, and consumers, who make room, go on.
 *
 * @param whyNot why it is not ready; undefined when it is
 */
export function answerHealth(request: IncomingMessage, response: ServerResponse, whyNot: () => string | undefined): void {
  if (request.method !== "GET" && request.method !== "HEAD") reply(response, 405, "method not allowed");
  else if (request.url === "/healthz") reply(response, 200, "ok");
  else if (request.url !== "/readyz") reply(response, 404, "not found");
  else {
    const why = whyNot();
    reply(response, why === undefined ? 200 : 503, why ?? "ready");
  }
}

function reply(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" });
  response.end(`${text}\n`);
}
