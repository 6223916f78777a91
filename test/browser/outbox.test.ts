import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Holdfast } from "holdfast";
import type { Page } from "playwright-core";
import { Server } from "socket.io";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Browser } from "./browser.js";

const directory = mkdtempSync(join(tmpdir(), "holdfast-browser-"));
let io: Server;
let server: Holdfast;
let browser: Browser;
let url: string;
let consumed: unknown[];
let wake = (): void => {};

beforeAll(async () => {
  server = await Holdfast.open({ directory });
  io = new Server(0, { transports: ["websocket"] });
  const address = io.httpServer.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  url = `http://127.0.0.1:${address.port}`;
  server.attach(io, { identify: () => "page" });
  server.queue("orders").consume(({ body }) => {
    consumed.push(body);
    wake();
  });
  browser = await Browser.launch();
});

beforeEach(() => {
  consumed = [];
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
  await io?.close();
  rmSync(directory, { recursive: true, force: true });
});

async function consumedAll(count: number): Promise<unknown[]> {
  while (consumed.length < count) {
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  return consumed;
}

/** Makes the tab's client, with an outbox of that name. */
const connect = (page: Page, outboxName: string): Promise<void> =>
  page.evaluate((name) => {
    window.restored = [];
    const onRestored: NonNullable<Parameters<typeof window.client.connect>[1]>["onRestored"] = (messages) => {
      window.restored.push(...messages);
    };
    window.holdfast = window.client.connect(location.origin, {
      outbox: "indexeddb",
      outboxName: name,
      onRestored,
      // Chromium lets a page wait for seconds that fails to connect many times.
      reconnectionDelay: 200,
      reconnectionDelayMax: 400,
    });
  }, outboxName);

/** Publishes without waiting for receipts; resolves once all of it is in the database. */
const publish = (page: Page, bodies: readonly number[]): Promise<void> =>
  page.evaluate(async (each) => {
    const { host } = window.holdfast;
    for (const body of each)
      window.holdfast
        .queue("orders")
        .publish(body)
        .catch(() => undefined);
    await host.stored;
    await host.outbox.keeper?.settled();
  }, bodies);

test("what a page published while it was offline is delivered once and in order, though the page was loaded again", async () => {
  const page = await browser.page(url);
  await connect(page, "reload");
  await page.waitForFunction(() => window.holdfast.socket.connected);
  await browser.offline(true);
  await publish(page, [1, 2, 3]);
  await browser.reload(page);
  await connect(page, "reload");
  await publish(page, [4, 5]);
  await browser.reload(page);
  expect(consumed).toEqual([]);

  await browser.offline(false);
  await connect(page, "reload");
  const receipt = await page.evaluate(() => window.holdfast.queue("orders").publish(6));
  expect(await page.evaluate(() => window.restored.map(({ body }) => body))).toEqual([1, 2, 3, 4, 5]);
  const receipts = await page.evaluate(() => Promise.all(window.restored.map((message) => message.receipt)));
  expect([...receipts, receipt].map(({ duplicate }) => duplicate)).toEqual(new Array(6).fill(false));
  expect(await consumedAll(6)).toEqual([1, 2, 3, 4, 5, 6]);

  // What was confirmed is not sent again.
  await page.evaluate(() => window.holdfast.close());
  await browser.reload(page);
  await connect(page, "reload");
  await page.evaluate(() => window.holdfast.queue("orders").publish(7));
  expect(await page.evaluate(() => window.restored.length)).toBe(0);
  expect(await consumedAll(7)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  await page.close();
  expect(browser.errors).toEqual([]);
});

test("what a page emitted while it was offline is delivered once and in order, though the page was loaded again", async () => {
  await server.queue("fed").define({ ordering: "fifo" });
  const fed: unknown[] = [];
  const consumer = server.queue("fed").consume(({ body }) => {
    fed.push(body);
    wake();
  });
  await server.room("kitchen").add({ queue: "fed" });
  const page = await browser.page(url);
  /** Emits without waiting for receipts; resolves once all of it is in the database. */
  const emit = (numbers: readonly number[]): Promise<void> =>
    page.evaluate(async (each) => {
      const kitchen = window.holdfast.room("kitchen");
      for (const number of each) kitchen.emit("n", number).catch(() => undefined);
      await kitchen.off("n");
      await window.holdfast.host.stored;
      await window.holdfast.host.outbox.keeper?.settled();
    }, numbers);
  await connect(page, "emits");
  await page.waitForFunction(() => window.holdfast.socket.connected);
  await page.evaluate(() => window.holdfast.room("kitchen").emit("n", 1));
  await browser.offline(true);
  await emit([2, 3]);
  await browser.reload(page);
  await browser.offline(false);
  await connect(page, "emits");
  await page.evaluate(() => window.holdfast.room("kitchen").emit("n", 4));
  expect(await page.evaluate(() => window.restored.map(({ room, body }) => [room, body]))).toEqual([
    ["kitchen", [2]],
    ["kitchen", [3]],
  ]);
  while (fed.length < 4) {
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  expect(fed).toEqual([[1], [2], [3], [4]]);
  await consumer.cancel();
  await page.close();
  expect(browser.errors).toEqual([]);
});

test("a tab sends what another left that was closed", async () => {
  const [first, second] = [await browser.page(url), await browser.page(url)];
  await browser.offline(true);
  await connect(first, "tabs");
  await publish(first, [1, 2]);
  await connect(second, "tabs");
  await publish(second, [3]);
  expect(await second.evaluate(() => window.restored.length)).toBe(0);
  await first.close();
  // The lock of a page is free some time after it.
  await second.evaluate(async () => {
    while (window.restored.length < 2) await (await window.holdfast.host.stored)?.look();
  });
  await browser.offline(false);
  expect((await consumedAll(3)).toSorted()).toEqual([1, 2, 3]);
  await second.close();
  expect(browser.errors).toEqual([]);
});
