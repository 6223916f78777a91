import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BrowserContext, Page, Browser as PlaywrightBrowser } from "playwright-core";
import { expect } from "vitest";

/** Pictures of what the tests see, for people to look at. */
const PICTURES = fileURLToPath(new URL("../../test-output/chat", import.meta.url));

/** How long something may take on a machine that has much else to do. */
export const PATIENCE_MS = 60_000;

interface Look {
  readonly colorScheme?: "light" | "dark";
  readonly viewport?: { readonly width: number; readonly height: number };
}

export const PHONE = { width: 390, height: 780 };
export const DESKTOP = { width: 1_280, height: 800 };

/** Somebody with a browser of their own, at the chat. */
export class Person {
  readonly name: string;
  readonly #context: BrowserContext;
  readonly #url: string;
  #page: Page | undefined;
  /** What went wrong in the page and nobody caught. */
  readonly errors: string[] = [];

  constructor(name: string, context: BrowserContext, url: string) {
    this.name = name;
    this.#context = context;
    context.setDefaultTimeout(PATIENCE_MS);
    this.#url = url;
  }

  /** Opens the chat, and says who it is. */
  static async arrive(browser: PlaywrightBrowser, url: string, name: string, look: Look = {}): Promise<Person> {
    const context = await browser.newContext({ viewport: DESKTOP, locale: "en-GB", reducedMotion: "reduce", ...look });
    const person = new Person(name, context, url);
    await person.open();
    await person.page.getByLabel("Your name").fill(name);
    await person.page.getByRole("button", { name: "Start" }).click();
    await person.online();
    return person;
  }

  get page(): Page {
    if (this.#page === undefined) throw new Error(`${this.name} has no tab`);
    return this.#page;
  }

  /** Opens a tab, at a room if one is named. */
  async open(room?: string): Promise<void> {
    this.#page = await this.#context.newPage();
    this.#page.on("pageerror", (error) => this.errors.push(String(error.stack)));
    this.#page.on("console", (message) => {
      // What the policy of the page forbade is told in the console alone.
      if (message.text().includes("Content Security Policy")) this.errors.push(message.text());
    });
    await this.#page.goto(room === undefined ? this.#url : `${this.#url}/#/${room}`);
  }

  async closeTab(): Promise<void> {
    await this.#page?.close();
    this.#page = undefined;
  }

  /** Ends the tab as a crash does: nothing of it runs any more. */
  async leave(): Promise<void> {
    await this.#context.close();
  }

  /** Takes the network away, or gives it back. */
  async offline(isOffline: boolean): Promise<void> {
    await this.#context.setOffline(isOffline);
    if (isOffline) await this.page.getByText("Offline, trying again").waitFor({ state: "attached" });
  }

  async online(): Promise<void> {
    await this.page.locator(".connection.online").waitFor({ state: "attached" });
  }

  /** The page is kept for when there is no network. */
  async kept(): Promise<void> {
    await this.page.evaluate(async () => {
      await navigator.serviceWorker.ready;
      while (navigator.serviceWorker.controller === null) {
        await new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
      }
    });
  }

  /** Joins a room, which is made if there is none, and has it open. */
  async join(room: string): Promise<void> {
    await this.page.getByLabel("Make or join a room").fill(room);
    await this.page.getByRole("button", { name: "Make or join" }).click();
    await this.page.getByLabel(`Message to ${room}`).waitFor();
  }

  async write(...texts: readonly string[]): Promise<void> {
    const input = this.page.locator("#composer");
    for (const text of texts) {
      await input.fill(text);
      await input.press("Enter");
    }
  }

  /** The texts of the room that is open, from top to bottom. */
  texts(): Promise<string[]> {
    return this.page.locator(".message .text").allTextContents();
  }

  /** Waits until the room shows exactly these, in this order. */
  async sees(...texts: readonly string[]): Promise<void> {
    await expect.poll(() => this.texts(), { timeout: PATIENCE_MS }).toEqual(texts);
  }

  /** Waits until each message of this person says that. */
  async fates(...fates: readonly string[]): Promise<void> {
    const read = async (): Promise<string[]> => {
      const all = await this.page.locator(".own .fate").allTextContents();
      return all.map((text) => text.trim());
    };
    await expect.poll(read, { timeout: PATIENCE_MS }).toEqual(fates);
  }

  /** Scrolls to the first message, which brings those before it. */
  async scrollUp(): Promise<void> {
    await this.page.locator(".messages").evaluate((element) => element.scrollTo(0, 0));
  }

  async picture(name: string): Promise<void> {
    mkdirSync(PICTURES, { recursive: true });
    await this.page.screenshot({ path: join(PICTURES, `${name}.png`) });
  }
}
