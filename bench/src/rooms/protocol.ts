/** What the processes of the benchmark of rooms say to each other. */

/**
 * `plain`: Socket.IO's own rooms, no storage. `frames`: durable rooms, our client. `events`: durable rooms, plain Socket.IO
 * clients that call the callback of each message.
 */
export type Mode = "plain" | "frames" | "events";

/** The room that members are in unless another is meant. */
export const ROOM = "kitchen";
export const EVENT = "order";

export interface Body {
  /** When it was emitted, in microseconds of the machine's clock. */
  readonly at: number;
  readonly text: string;
}

/** Microseconds of a clock that all processes of the machine share. */
export const nowUs = (): number => Number(process.hrtime.bigint() / 1_000n);

/** Makes bodies of that many bytes of JSON. */
export function bodies(bodyBytes: number): () => Body {
  const text = "x".repeat(Math.max(0, bodyBytes - JSON.stringify({ at: nowUs(), text: "" }).length));
  return () => ({ at: nowUs(), text });
}

export const userOf = (number: number): string => `user-${number}`;

/** What the parent asks a server. */
export type ServerQuestion =
  | { readonly ask: "listen"; readonly mode: Mode; readonly directory: string }
  /** Makes users members of a room. */
  | { readonly ask: "add"; readonly room: string; readonly first: number; readonly count: number }
  /** Stores messages, many in a commit. */
  | { readonly ask: "fill"; readonly room: string; readonly messages: number; readonly bodyBytes: number }
  /** Emits bursts, at most `ahead` before the slowest members have them, and waits until all have all. */
  | { readonly ask: "bursts"; readonly ms: number; readonly burst: number; readonly ahead: number; readonly bodyBytes: number }
  /** Emits one after the other, so many a second, until it was asked to rest. */
  | { readonly ask: "emit"; readonly room: string; readonly perSecond: number; readonly bodyBytes: number }
  | { readonly ask: "rest" }
  /** How many members have acknowledged the newest message. */
  | { readonly ask: "acknowledged"; readonly room: string }
  | { readonly ask: "usage" }
  | { readonly ask: "stop" };

export interface Bursts {
  readonly emits: number;
  readonly seconds: number;
}

export interface ServerUsage {
  readonly cpuUs: number;
  readonly rssBytes: number;
  /** The most since it was asked last. */
  readonly rssBytesMax: number;
  /** Of the resident bytes those of mapped files, which the system takes back at need. */
  readonly mappedBytes: number;
}

/** What the parent asks a process of members. */
export type MembersQuestion =
  /** Connects users; `watch`: progress is told to the server. */
  | {
      readonly ask: "connect";
      readonly mode: Mode;
      readonly port: number;
      readonly room: string;
      readonly first: number;
      readonly count: number;
      readonly watch: boolean;
    }
  /** Connects them, to come back to what they missed, and waits until each has so many messages: `Return`. */
  | {
      readonly ask: "catch-up";
      readonly port: number;
      readonly room: string;
      readonly first: number;
      readonly count: number;
      readonly messages: number;
    }
  /** `Latency`s since it was asked last. */
  | { readonly ask: "latencies" }
  | { readonly ask: "stop" };

/** When a message was emitted, by `nowUs`, and how many milliseconds it took to the handler. */
export type Latency = readonly [at: number, ms: number];

/** When each had something, by `nowUs`, and when each had all. */
export interface Return {
  readonly here: number;
  readonly done: number;
}

/** Told by the server to a process of members over their own connection, and by that to the server. */
export const BEGIN_EVENT = "begin";
export const PROGRESS_EVENT = "progress";
