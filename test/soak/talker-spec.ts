/** What a talker is to do. */
export interface TalkerSpec {
  readonly name: string;
  readonly url: string;
  readonly queue: string;
  readonly room: string;
  readonly keys: number;
  /** How long it waits between two messages. */
  readonly pauseMs: number;
}

/** What a talker is told: to begin, to publish and emit no more, to say what came to it, or to end. */
export type TalkerOrder = "talk" | "quiet" | "report" | "stop";

/** It is `ready` once it listens. */
export type TalkerWord =
  | { readonly say: "ready" }
  /** What was confirmed to it. */
  | { readonly say: "quiet"; readonly published: readonly string[]; readonly emitted: readonly string[] }
  | { readonly say: "report"; readonly heard: Heard };

/** What came to a talker. */
export interface Heard {
  readonly handled: readonly string[];
  readonly heard: readonly string[];
  /** What came in another order than it was sent, or was told as a gap. */
  readonly wrong: readonly string[];
}
