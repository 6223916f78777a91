import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { DemoFiles } from "./demo-files.js";

let directory: string;
let server: Server;

beforeEach(async () => {
  const root = mkdtempSync(join(tmpdir(), "holdfast-demo-"));
  directory = join(root, "demo");
  mkdirSync(join(directory, "assets"), { recursive: true });
  writeFileSync(join(root, "secret.html"), "secret");
  writeFileSync(join(directory, "index.html"), "<!doctype html>page");
  writeFileSync(join(directory, "assets", "page-1a2b.js"), "page()");
  const files = new DemoFiles(directory);
  server = createServer((incoming, response) => {
    if (!files.answer(incoming, response)) response.writeHead(404).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});

afterEach(() => {
  server.close();
  rmSync(join(directory, ".."), { recursive: true });
});

/** Asks for a path as it is, which `fetch` would tidy up. */
async function ask(path: string, method = "GET", headers = {}): Promise<{ status: number; headers: IncomingHttpHeaders; body: string }> {
  const asked = request({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", path, method, headers, agent: false }).end();
  const [response] = await once(asked, "response");
  let body = "";
  for await (const chunk of response.setEncoding("utf8")) body += chunk;
  return { status: response.statusCode, headers: response.headers, body };
}

it("serves the page at / and its files, with headers that let it load nothing else", async () => {
  const page = await ask("/?guest");
  expect(page).toMatchObject({ status: 200, body: "<!doctype html>page" });
  expect(page.headers).toMatchObject({
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-cache",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
  });
  expect(page.headers["content-security-policy"]).toContain("default-src 'none'; script-src 'self'");
  expect(page.headers["content-security-policy"]).not.toContain("unsafe");
  const script = await ask("/assets/page-1a2b.js");
  expect(script).toMatchObject({ status: 200, body: "page()" });
  expect(script.headers).toMatchObject({ "content-type": "text/javascript; charset=utf-8", "x-content-type-options": "nosniff" });
  expect(script.headers["cache-control"]).toContain("immutable");
});

it("answers HEAD without a body, and a page that the browser has with 304", async () => {
  const head = await ask("/", "HEAD");
  expect(head).toMatchObject({ status: 200, body: "", headers: { "content-length": "19" } });
  expect(await ask("/", "GET", { "if-none-match": head.headers.etag })).toMatchObject({ status: 304, body: "" });
});

it("knows its own files only, by their exact names, and takes nothing but GET and HEAD", async () => {
  const paths = [
    "/../secret.html",
    "/..%2fsecret.html",
    "/assets/../../secret.html",
    "/assets/..%5c..%5csecret.html",
    "//secret.html",
    "/index.html",
    "/assets",
    "/assets/",
    "/%00",
    "/nothing",
  ];
  for (const path of paths) expect((await ask(path)).status, path).toBe(404);
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) expect((await ask("/", method)).status).toBe(404);
});

it("says so when the demo was not built", () => {
  expect(() => new DemoFiles(join(directory, "nowhere"))).toThrow(/no demo in .*nowhere.*npm run build/);
  expect(() => new DemoFiles(join(directory, "assets"))).toThrow(/npm run build/);
});
