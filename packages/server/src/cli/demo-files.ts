import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { extname, join, relative, sep } from "node:path";
import { CommandError, EXIT } from "./exit-codes.js";

const TYPES: ReadonlyMap<string, string> = new Map([
  [".html", "text/html; charset=utf-8"],
  [".js", "text/javascript; charset=utf-8"],
  [".css", "text/css; charset=utf-8"],
  [".svg", "image/svg+xml"],
  [".webmanifest", "application/manifest+json"],
]);

/** The page loads from this server alone, runs no script that is not a file of it, and is framed by nobody. */
const SECURITY_HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; " +
    "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

interface File {
  readonly bytes: Buffer;
  readonly headers: OutgoingHttpHeaders & { readonly etag: string };
}

/**
 * The built demo, read into memory once: a request names one of these files exactly, or there is none, so that no path
 * leads anywhere else.
 */
export class DemoFiles {
  readonly #files = new Map<string, File>();

  /** @throws CommandError when the directory has no page */
  constructor(directory: string) {
    for (const path of filesIn(directory)) {
      const name = `/${relative(directory, path).split(sep).join("/")}`;
      this.#files.set(name === "/index.html" ? "/" : name, fileOf(name, readFileSync(path)));
    }
    if (!this.#files.has("/")) throw new CommandError(EXIT.failure, `there is no demo in ${directory}: npm run build makes it`);
  }

  /** Answers a GET or HEAD for one of the files; false for anything else. */
  answer({ method, url = "", headers }: IncomingMessage, response: ServerResponse): boolean {
    const file = this.#files.get(url.split("?", 1)[0] ?? "");
    if (file === undefined || (method !== "GET" && method !== "HEAD")) return false;
    const isKnown = headers["if-none-match"] === file.headers.etag;
    response.writeHead(isKnown ? 304 : 200, isKnown ? { etag: file.headers.etag } : file.headers);
    response.end(isKnown || method === "HEAD" ? undefined : file.bytes);
    return true;
  }
}

function filesIn(directory: string): string[] {
  try {
    const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function fileOf(name: string, bytes: Buffer): File {
  const headers = {
    ...SECURITY_HEADERS,
    "content-type": TYPES.get(extname(name)) ?? "application/octet-stream",
    "content-length": bytes.length,
    // The name of an asset changes with what is in it.
    "cache-control": name.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache",
    etag: `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`,
  };
  return { bytes, headers };
}
