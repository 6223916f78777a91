import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { layOut } from "./fixture.js";
import type { Held, HeldMessage, HeldQueue } from "./held.js";
import type { Marks } from "./history.js";

/** Numbers of messages that were published and acknowledged while the process was killed. */
export interface Busy {
  readonly published: readonly number[];
  /** Was not confirmed any more. */
  readonly publishing: readonly number[];
  readonly acked: readonly number[];
  readonly acking: readonly number[];
}

/** A program of this format version and its end. */
interface Author {
  readonly version: number;
  readonly end: "closed" | "killed";
  /** When it was killed. */
  readonly busy?: Busy;
}

/** What the programs said of their stores right before the end, which was the same: they had the same history. */
interface Said extends Marks, Held {
  readonly now: number;
}

/** A store that a program left, and what it said of it. */
export interface Story extends Author, Said {}

const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const readJson = (name: string): unknown => JSON.parse(readFileSync(pathOf(name), "utf8"));

const authors = readJson("stores.json") as Record<string, Author>;

/** Names of the stores that there are. */
export const STORES: readonly string[] = Object.keys(authors);

export function storyOf(name: string): Story {
  const author = authors[name];
  if (author === undefined) throw new Error(`there is no store ${name}`);
  return { ...author, ...(readJson("history.json") as Said) };
}

export const layOutStore = (name: string, directory: string): void => layOut(pathOf(`${name}.files.gz`), directory);

/** What is to be seen of a queue, whatever is in memory: what is ready and what is parked shows with the next lease only. */
interface Settled {
  readonly counts: object;
  readonly messages: readonly SettledMessage[];
}

interface SettledMessage extends Pick<HeldMessage, "id" | "body" | "key" | "headers" | "event"> {
  readonly state: "waiting" | "delayed" | "blocked";
  readonly attempts: number;
}

/** How a queue is after the end: what was in flight waits, with an attempt more when the process was killed. */
export function afterEnd({ queue, namespace, stats, schedules, messages }: HeldQueue, end: Story["end"]): Settled {
  const { ready, inFlight, parked, ...counts } = stats;
  return {
    counts: { namespace, queue, waiting: ready + inFlight + parked, schedules, ...counts },
    messages: messages.map((message) => waiting(message, end)),
  };
}

function waiting({ state, attempts = 0, ...message }: HeldMessage, end: Story["end"]): SettledMessage {
  const failed = state === "in-flight" && end === "closed" ? attempts - 1 : attempts;
  return { ...message, attempts: failed, state: state === "delayed" || state === "blocked" ? state : "waiting" };
}
