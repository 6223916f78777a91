import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Holdfast, RestoredMessage } from "holdfast-client";
import { type BrowserContext, chromium, type Page, type Browser as PlaywrightBrowser, type Route } from "playwright-core";

const CHROMIUM = "/usr/bin/chromium";
const CHROMIUM_FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const repository = fileURLToPath(new URL("../..", import.meta.url));

/** The built client and what it imports, as files of the page's origin: no bundler stands between. */
const IMPORTS = {
  "holdfast-client": "/packages/client/dist/index.js",
  "#platform": "/packages/client/dist/platform/browser.js",
  "socket.io-client": "/node_modules/socket.io-client/dist/socket.io.esm.min.js",
  idb: "/node_modules/idb/build/index.js",
};

const HTML = `<!doctype html><title>Holdfast</title><script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>
<script type="module">window.client = await import("holdfast-client"); window.ready = true;</script>`;

declare global {
  /** What a page has to itself: set by the page, or by what a test runs in it. */
  interface Window {
    ready: boolean;
    client: typeof import("holdfast-client");
    holdfast: Holdfast;
    restored: RestoredMessage[];
  }
}

export function launchChromium(): Promise<PlaywrightBrowser> {
  if (!existsSync(CHROMIUM)) throw new Error(`${CHROMIUM} is not there: apt-get install chromium`);
  return chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
}

/**
 * Chromium with a profile of its own, which is gone afterwards. Its pages have the origin of the server they talk to; what
 * they load comes from here, also while they are offline.
 */
export class Browser {
  readonly #browser: PlaywrightBrowser;
  readonly #context: BrowserContext;
  /** What went wrong in any page and nobody caught. */
  readonly errors: Error[] = [];

  private constructor(browser: PlaywrightBrowser, context: BrowserContext) {
    this.#browser = browser;
    this.#context = context;
  }

  static async launch(): Promise<Browser> {
    // What comes from here, and not from the server's address, is taken for a public page, which may not call local servers.
    const permissions = ["local-network-access"];
    const browser = await launchChromium();
    return new Browser(browser, await browser.newContext({ permissions }));
  }

  /** A tab at `url`, the server's, with the client's exports as `window.client`. */
  async page(url: string): Promise<Page> {
    const page = await this.#context.newPage();
    page.on("pageerror", (error) => this.errors.push(error));
    await page.route(isAsset, answer);
    await page.goto(`${url}/`);
    await page.waitForFunction(() => window.ready);
    return page;
  }

  /** A tab that shows what the server at `url` serves. */
  async visit(url: string): Promise<Page> {
    const page = await this.#context.newPage();
    page.on("pageerror", (error) => this.errors.push(error));
    await page.goto(url);
    return page;
  }

  /** Loads the tab again: nothing of its memory is left. */
  async reload(page: Page): Promise<void> {
    await page.reload();
    await page.waitForFunction(() => window.ready);
  }

  /** Cuts all its tabs off from the network, or connects them again. */
  offline(isOffline: boolean): Promise<void> {
    return this.#context.setOffline(isOffline);
  }

  close(): Promise<void> {
    return this.#browser.close();
  }
}

const isAsset = ({ pathname }: URL): boolean => !pathname.startsWith("/socket.io/");

async function answer(route: Route): Promise<void> {
  const { pathname } = new URL(route.request().url());
  if (pathname === "/") return route.fulfill({ contentType: "text/html", body: HTML });
  const file = join(repository, pathname);
  if (!pathname.endsWith(".js") || !existsSync(file)) return route.fulfill({ status: 404 });
  return route.fulfill({ contentType: "text/javascript", body: readFileSync(file) });
}
