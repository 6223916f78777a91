// The page's files, for the hub to serve. The page needs no bundler: `holdfast-client` is made of ES modules, and the import
// map in index.html says where they are.
import { createReadStream } from "node:fs";
import { extname } from "node:path";

const TYPES = { ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8" };
const PAGE = new URL("./page/", import.meta.url);
const CLIENT = new URL("./", import.meta.resolve("holdfast-client"));

/** The file behind a path; undefined for all others, so that nothing else of the disk can be asked for. */
function fileOf(path) {
  if (path === "/") return new URL("index.html", PAGE);
  if (path === "/page.js" || path === "/book.js" || path === "/style.css") return new URL(`.${path}`, PAGE);
  const [, module] = /^\/client\/((?:[a-z-]+\/)?[a-z-]+\.js)$/.exec(path) ?? [];
  return module && new URL(module, CLIENT);
}

/** Answers what is not Socket.IO's. */
export function serveFile({ url, method }, response) {
  const file = method === "GET" && fileOf(new URL(url, "http://hub").pathname);
  if (!file) return response.writeHead(404).end();
  const stream = createReadStream(file);
  stream.once("open", () => {
    response.writeHead(200, { "content-type": TYPES[extname(file.pathname)], "cache-control": "no-cache" });
    stream.pipe(response);
  });
  stream.once("error", () => response.writeHead(404).end());
}
