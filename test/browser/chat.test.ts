import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "holdfast-client";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { freePort, ServerProcess } from "../crash/server-process.js";
import { launchChromium } from "./browser.js";
import { PATIENCE_MS, Person } from "./person.js";

vi.setConfig({ testTimeout: 3 * PATIENCE_MS, hookTimeout: PATIENCE_MS });

let browser: Browser;
let directory: string;
let server: ServerProcess;
const people: Person[] = [];

beforeAll(async () => {
  browser = await launchChromium();
});

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-chat-"));
  server = new ServerProcess(directory, await freePort(), [], ["--demo"]);
  await server.start();
});

afterEach(async () => {
  const errors = people.flatMap((person) => person.errors);
  for (const person of people.splice(0)) await person.leave();
  await server.kill();
  rmSync(directory, { recursive: true, force: true });
  expect(errors).toEqual([]);
});

afterAll(() => browser?.close());

async function arrive(name: string, room: string): Promise<Person> {
  const person = await Person.arrive(browser, server.url, name);
  people.push(person);
  await person.join(room);
  return person;
}

const numbered = (count: number, from = 1): string[] => Array.from({ length: count }, (_, index) => `message ${from + index}`);

test("two people talk, each sees each message once, and the writer who has it", async () => {
  const [ann, bob] = [await arrive("Ann", "kitchen"), await arrive("Bob", "kitchen")];
  await ann.write("hello");
  await bob.sees("hello");
  await bob.page.getByRole("status").getByText("Ann: hello").waitFor({ state: "attached" });
  await ann.fates("delivered to all");
  await bob.write("good morning", "<img src=x onerror=alert(1)><b>bold</b>");
  const all = ["hello", "good morning", "<img src=x onerror=alert(1)><b>bold</b>"];
  await ann.sees(...all);
  await bob.sees(...all);
  expect(await ann.page.locator(".messages img, .messages b").count()).toBe(0);
  // Two are here, and one of them types.
  await ann.page.getByRole("heading", { name: "2 members, 2 online" }).waitFor();
  await bob.page.locator("#composer").pressSequentially("hm, I wonder", { delay: 250 });
  await ann.page.getByText("Bob is typing").waitFor();
});

test("who closed the tab gets what was written meanwhile, in order and once, with the count of what is new", async () => {
  const [ann, bob] = [await arrive("Ann", "kitchen"), await arrive("Bob", "kitchen")];
  await bob.write("before");
  await ann.sees("before");
  await ann.closeTab();
  const missed = numbered(60);
  await bob.write(...missed);
  await bob.fates("delivered to all", ...missed.map(() => "stored"));

  await ann.open();
  await ann.page.getByRole("link", { name: "60 unread" }).click();
  await ann.sees("before", ...missed);
  // It begins with what is new.
  const top = await ann.page.locator(".divider.new").evaluate((element) => element.getBoundingClientRect().top);
  expect(top).toBeGreaterThan(60);
  expect(top).toBeLessThan(250);
  await bob.fates(...["before", ...missed].map(() => "delivered to all"));
  await bob.write("after");
  await ann.sees("before", ...missed, "after");
});

test("who loses the network goes on writing, reloads the page, and each message is delivered once when it is back", async () => {
  const [ann, bob] = [await arrive("Ann", "kitchen"), await arrive("Bob", "kitchen")];
  await ann.kept();
  await ann.write("one");
  await bob.sees("one");
  await ann.offline(true);
  await bob.write("where are you?");
  await ann.write("two", "three");
  await ann.sees("one", "two", "three");
  await ann.fates(expect.any(String), "waiting", "waiting");

  await ann.page.reload();
  await ann.sees("one", "two", "three");
  await ann.fates(expect.any(String), "waiting", "waiting");
  await ann.write("four");
  await ann.sees("one", "two", "three", "four");

  await ann.offline(false);
  const all = ["one", "where are you?", "two", "three", "four"];
  await ann.sees(...all);
  await bob.sees(...all);
  await ann.fates(...new Array(4).fill("delivered to all"));
  await ann.page.reload();
  await ann.sees(...all);
});

test.each(["kill", "stop"] as const)("a server that is gone in the middle of a conversation (%s) loses nothing of it", async (end) => {
  const [ann, bob] = [await arrive("Ann", "kitchen"), await arrive("Bob", "kitchen")];
  const texts = numbered(20);
  for (const [index, text] of texts.entries()) {
    if (index === 7) await server[end]();
    if (index === 14) await server.start();
    await ann.write(text);
  }
  await ann.sees(...texts);
  await bob.sees(...texts);
  await ann.fates(...texts.map(() => "delivered to all"));
});

test("a browser that is new to a room reads its past backwards, and a new device of somebody finds their rooms", async () => {
  const ann = await arrive("Ann", "kitchen");
  const past = numbered(120);
  await ann.write(...past);
  await ann.fates(...past.map(() => "stored"));

  const bob = await arrive("Bob", "kitchen");
  await bob.sees(...past.slice(-50));
  await bob.scrollUp();
  await bob.sees(...past.slice(-100));
  await bob.scrollUp();
  await bob.sees(...past);

  const laptop = await Person.arrive(browser, server.url, "Ann");
  people.push(laptop);
  await laptop.page.getByRole("link", { name: "kitchen" }).click();
  await laptop.sees(...past.slice(-50));
  await bob.write("hello, both of you");
  await laptop.sees(...past.slice(-50), "hello, both of you");
  await ann.sees(...past, "hello, both of you");
});

test("what the room did not keep until somebody was back is shown as missing", async () => {
  const [ann, bob] = [await arrive("Ann", "kitchen"), await arrive("Bob", "kitchen")];
  await bob.write("before");
  await ann.sees("before");
  await ann.closeTab();
  const owner = connect(server.url, { auth: { user: "owner" } });
  await owner.socket.emitWithAck("holdfast:define", { room: "kitchen", retention: { maxMessages: 3 } });
  await owner.close();
  // One by one: written all at once they may be gone before his own page has them.
  for (const [at, text] of numbered(10).entries()) {
    await bob.write(text);
    await bob.fates(expect.any(String), ...numbered(at + 1).map(() => "stored"));
  }
  await ann.open("kitchen");
  await ann.sees("before", ...numbered(3, 8));
  await ann.page.getByText("7 messages are missing here: the room does not keep them any more").waitFor();
});

test("rooms that others make appear, an address leads to one, and who leaves gets nothing more", async () => {
  const [ann, bob] = [await arrive("Ann", "kitchen"), await arrive("Bob", "garden")];
  await ann.write("anybody here?");
  await ann.fates("stored");
  await bob.page.goto(`${server.url}/#/kitchen`);
  await bob.page.getByRole("button", { name: "Join kitchen" }).first().click();
  await bob.sees("anybody here?");
  await ann.page.getByRole("heading", { name: "2 members, 2 online" }).waitFor();
  bob.page.once("dialog", (dialog) => void dialog.accept());
  await bob.page.getByRole("button", { name: "Leave kitchen" }).click();
  await ann.page.getByRole("heading", { name: "1 member, 1 online" }).waitFor();
  await ann.write("gone?");
  await ann.fates(expect.any(String), "stored");
  expect(await bob.page.getByRole("link", { name: "kitchen" }).count()).toBe(0);
  // What was begun stays while another room is open.
  await bob.page.getByRole("link", { name: "garden" }).click();
  await bob.page.locator("#composer").fill("a draft");
  await bob.join("cellar");
  await bob.page.getByRole("link", { name: "garden" }).click();
  await expect.poll(() => bob.page.locator("#composer").inputValue()).toBe("a draft");
});

test("two tabs of one person take turns, and one of them says so", async () => {
  const ann = await arrive("Ann", "kitchen");
  const first = ann.page;
  await ann.open("kitchen");
  await ann.online();
  const notice = first.locator(".banner").getByText("This chat is open in another tab");
  await notice.waitFor();
  await ann.write("from the second");
  await first.locator(".banner").getByRole("button", { name: "Use it here" }).click();
  await expect.poll(() => first.locator(".message .text").allTextContents()).toEqual(["from the second"]);
  await ann.page.locator(".banner").getByText("This chat is open in another tab").waitFor();
});
