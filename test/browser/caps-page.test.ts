import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect, type Holdfast } from "holdfast-client";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Browser } from "./browser.js";

// The page of the parcel service, served by its hub, in a real browser.

const HUB = fileURLToPath(new URL("../../examples/caps/hub.js", import.meta.url));
const STORE = "acme-widgets";

const directory = mkdtempSync(join(tmpdir(), "holdfast-caps-page-"));
let browser: Browser;
let hub: ChildProcess;
let url: string;
let driver: Holdfast;

/** Starts the hub, or one on the same address after it. */
async function openHub(port = 0): Promise<void> {
  hub = spawn(process.execPath, [HUB, "--port", String(port), "--directory", directory], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const [opened] = (await Promise.race([
    once(hub, "message"),
    once(hub, "exit").then(([code]) => Promise.reject(new Error(`the hub ended with ${code}`))),
  ])) as [{ url: string }];
  url = opened.url;
}

async function killHub(): Promise<void> {
  const ended = hub.exitCode === null && hub.signalCode === null ? once(hub, "exit") : undefined;
  hub.kill("SIGKILL");
  await ended;
}

beforeAll(async () => {
  await openHub();
  browser = await Browser.launch();
  driver = connect(`${url}/caps`, { auth: { user: "ann" }, reconnectionDelay: 50, reconnectionDelayMax: 100 });
});

afterAll(async () => {
  await browser?.close();
  await driver?.close({ timeoutMs: 0 });
  await killHub();
  rmSync(directory, { recursive: true, force: true });
});

const tell = (orderId: string, state: string): Promise<unknown> =>
  driver.room(STORE).emitWith({ id: `${orderId}/${state}`, headers: { driver: "ann" } }, state, { orderId, customer: "<b>Ada</b>" });

const parcels = (page: Page): Promise<string[]> => page.locator("li").allInnerTexts();
const expectParcels = (page: Page, expected: string[]): Promise<void> =>
  expect
    .poll(async () => (await parcels(page)).map((text) => text.split("\n").join(" ")), { timeout: 20_000 })
    .toEqual(expected.map((text) => text.replace(":", " to <b>Ada</b>, by ann")));

test("the page shows each change live, what it missed while it was closed, and everything again after a reload", async () => {
  const first = await browser.visit(url);
  await tell("p1", "in-transit");
  await expectParcels(first, ["p1: → in transit"]);
  await tell("p1", "delivered");
  await expectParcels(first, ["p1: ✓ delivered"]);
  expect(await first.locator("#delivered").innerText()).toBe("1");
  await first.close();

  await tell("p2", "in-transit");
  const second = await browser.visit(url);
  await expectParcels(second, ["p2: → in transit", "p1: ✓ delivered"]);
  await second.reload();
  await expectParcels(second, ["p2: → in transit", "p1: ✓ delivered"]);

  // A second tab is no device of its own, but sees the same, and goes on when the first one is closed.
  const third = await browser.visit(url);
  await tell("p3", "in-transit");
  const three = ["p3: → in transit", "p2: → in transit", "p1: ✓ delivered"];
  for (const page of [second, third]) await expectParcels(page, three);
  await second.close();
  await tell("p3", "delivered");
  await expectParcels(third, ["p3: ✓ delivered", ...three.slice(1)]);

  // The hub is killed: the page says so, comes back by itself, and shows nothing twice.
  await killHub();
  await third.getByText("the hub is away").waitFor();
  const emitted = tell("p2", "delivered");
  await openHub(Number(new URL(url).port));
  await emitted;
  await expectParcels(third, ["p3: ✓ delivered", "p2: ✓ delivered", "p1: ✓ delivered"]);
  expect(await third.locator("#connection").innerText()).toBe("live");
  expect(browser.errors).toEqual([]);
}, 60_000);

test("the hub serves the page and the client, nothing else, and lets no other page in", async () => {
  const statusOf = async (path: string, headers: Record<string, string> = {}): Promise<number> =>
    (await fetch(`${url}${path}`, { headers })).status;
  expect(await statusOf("/")).toBe(200);
  expect(await statusOf("/client/rooms/rooms.js")).toBe(200);
  for (const path of ["/hub.js", "/client/none.js", "/client/%2e%2e/package.json", "/client/..%2fpackage.json", "/page/../hub.js"])
    expect(await statusOf(path), path).toBe(404);
  const handshake = "/socket.io/?EIO=4&transport=polling";
  expect(await statusOf(handshake, { origin: url })).toBe(200);
  expect(await statusOf(handshake, { origin: "http://evil.example" })).toBe(403);
});
