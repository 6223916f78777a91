import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { freePort, ServerProcess } from "../crash/server-process.js";
import { launchChromium } from "./browser.js";
import { DESKTOP, PATIENCE_MS, Person, PHONE } from "./person.js";

vi.setConfig({ testTimeout: 3 * PATIENCE_MS, hookTimeout: PATIENCE_MS });

let browser: Browser;
let directory: string;
let server: ServerProcess;
let ann: Person;
let bob: Person;

/** People at a table of which everything is shown: two rooms, several people, what waits. */
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-chat-looks-"));
  server = new ServerProcess(directory, await freePort(), [], ["--demo"]);
  await server.start();
  browser = await launchChromium();
  ann = await Person.arrive(browser, server.url, "Ann", { colorScheme: "light" });
  bob = await Person.arrive(browser, server.url, "Bob", { colorScheme: "dark" });
  await ann.join("garden");
  for (const person of [bob, ann]) await person.join("kitchen");
});

afterAll(async () => {
  for (const person of [ann, bob]) await person?.leave();
  await browser?.close();
  await server?.kill();
  rmSync(directory, { recursive: true, force: true });
});

test("people talk", async () => {
  await ann.write("Good morning! Two orders for table 4, one of them without onions.");
  await bob.sees(expect.any(String));
  await bob.write("Got it.", "Ten minutes, the oven is not warm yet. Can somebody bring up the bread from the cellar meanwhile?");
  await ann.write("On my way.");
  await bob.sees(...new Array(4).fill(expect.any(String)));
  await ann.fates("delivered to all", "delivered to all");
});

const places = ["", "kitchen"] as const;

test.each(["light", "dark"] as const)("the first page asks for a name, %s", async (colorScheme) => {
  const cid = new Person("Cid", await browser.newContext({ viewport: PHONE, colorScheme }), server.url);
  await cid.open();
  await cid.page.getByLabel("Your name").waitFor();
  await cid.picture(`phone-${colorScheme}-start`);
  expect(await lowContrast(cid.page)).toEqual([]);
  expect(await spoken(cid.page)).toContain('- button "Start"');
  await cid.leave();
});

/** What a screen reader finds, as lines of role and name. */
const spoken = (page: Page): Promise<string> => page.locator("body").ariaSnapshot();

test("every control has a name, and the page its landmarks and headings", async () => {
  for (const person of [ann, bob]) {
    const snapshot = await spoken(person.page);
    for (const landmark of ["- banner", "- navigation", "- main", "- contentinfo", "- complementary"]) expect(snapshot).toContain(landmark);
    expect(snapshot).toContain('- heading "kitchen" [level=2]');
    expect(snapshot).toContain('- textbox "Message to kitchen"');
    // A control without a name stands there with its role alone.
    expect(snapshot).not.toMatch(/- (button|link|textbox|combobox|checkbox)(:| \[[a-z]+[^"]*\]:?)?$/m);
  }
});

test("the keyboard alone reaches everything, and shows where it is", async () => {
  const { page } = ann;
  await page.reload();
  await ann.online();
  const reached: string[] = [];
  for (let n = 0; n < 20; n++) {
    await page.keyboard.press("Tab");
    const focus = await page.evaluate(() => {
      const element = document.activeElement;
      if (element === null || element === document.body) return undefined;
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      return { name: element.getAttribute("aria-label") ?? element.id ?? "", text: element.textContent ?? "", outlineStyle, outlineWidth };
    });
    if (focus === undefined) break;
    expect(focus).toMatchObject({ outlineStyle: "solid", outlineWidth: "3px" });
    reached.push(focus.name || focus.text);
  }
  expect(reached[0]).toBe("Skip to the messages");
  for (const name of ["How it works", "new-room", "Messages", "composer", "Send"]) expect(reached).toContain(name);
  // The skip link goes past the rooms.
  await page.reload();
  await ann.online();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  expect(await page.evaluate(() => document.activeElement?.id)).toBe("content");
});

/** WCAG's contrast of text with what is behind it, for each text of the page; those below 4.5. */
const lowContrast = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgba = (colour: string): number[] => {
      if (canvas === null) return [];
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const luminance = ([red = 0, green = 0, blue = 0]: number[]): number => {
      const linear = (value: number): number => (value <= 10 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4);
      return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    };
    const behind = (element: Element | null): number[] => {
      for (let each = element; each !== null; each = each.parentElement) {
        const colour = rgba(getComputedStyle(each).backgroundColor);
        if ((colour[3] ?? 0) > 250) return colour;
      }
      return [255, 255, 255, 255];
    };
    const low: string[] = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      const element = node.parentElement;
      if (element === null || !node.textContent?.trim() || !element.checkVisibility({ visibilityProperty: true })) continue;
      const [a, b] = [luminance(rgba(getComputedStyle(element).color)), luminance(behind(element))];
      const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (contrast < 4.5) low.push(`${contrast.toFixed(2)}: ${node.textContent.trim().slice(0, 40)}`);
    }
    return low;
  });

test.each([
  ["desktop", DESKTOP],
  ["phone", PHONE],
] as const)("it can be read on a %s, dark and light, and nothing sticks out", async (kind, size) => {
  for (const [person, colours] of [
    [ann, "light"],
    [bob, "dark"],
  ] as const) {
    const { page } = person;
    await page.setViewportSize(size);
    for (const place of places) {
      await page.evaluate((hash) => {
        location.hash = `#/${hash}`;
      }, place);
      await page.locator(place === "" ? ".app:not(.has-room)" : ".app.has-room").waitFor();
      await page.getByText("Online").first().waitFor({ state: "attached" });
      await person.picture(`${kind}-${colours}-${place || "rooms"}`);
      expect(await lowContrast(page)).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(size.width);
    }
  }
});

test("what waits, the members and the help are readable, too", async () => {
  await ann.page.setViewportSize(PHONE);
  await ann.page.goto(`${server.url}/#/kitchen`);
  // What became of messages is asked for when the room is opened, and cannot be without a network.
  await ann.fates("delivered to all", "delivered to all");
  await ann.offline(true);
  await ann.write("No network in the cellar");
  await ann.fates("delivered to all", "delivered to all", "waiting");
  await ann.picture("phone-light-offline");
  expect(await lowContrast(ann.page)).toEqual([]);
  await ann.offline(false);
  await ann.online();
  await ann.page.getByRole("button", { name: "2 members" }).click();
  await ann.page.getByRole("button", { name: "Close members" }).waitFor();
  await ann.picture("phone-light-members");
  expect(await lowContrast(ann.page)).toEqual([]);
  await ann.page.keyboard.press("Escape");
  await expect.poll(() => ann.page.evaluate(() => document.activeElement?.className)).toContain("people-button");
  await bob.page.setViewportSize(DESKTOP);
  await bob.page.getByRole("button", { name: "How it works" }).click();
  await bob.picture("desktop-dark-help");
  expect(await lowContrast(bob.page)).toEqual([]);
  await bob.page.setViewportSize(PHONE);
  await bob.picture("phone-dark-help");
  expect([...ann.errors, ...bob.errors]).toEqual([]);
});

test("somebody with a long name fits beside the messages, whole", async () => {
  const name = "Maximiliane von und zu Hohenfels";
  const dora = await Person.arrive(browser, server.url, name, { colorScheme: "light" });
  await dora.join("kitchen");
  const panel = dora.page.getByRole("complementary", { name: "Members" });
  const own = panel.getByText(`${name} (you)`);
  await own.waitFor();
  await dora.picture("desktop-light-long-name");
  expect(await panel.evaluate((element) => element.scrollWidth - element.clientWidth)).toBe(0);
  expect(await own.evaluate((element) => element.scrollWidth - element.clientWidth)).toBe(0);
  expect(dora.errors).toEqual([]);
  await dora.leave();
});
