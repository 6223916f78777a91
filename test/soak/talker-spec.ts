/** What a talker is to do. */
export interface TalkerSpec {
  readonly name: string;
  /** Whose device it is. Default: its name. */
  readonly user?: string;
  /** It loses its connection about so often, and is away for up to as long. Default: never. */
  readonly awayEveryMs?: number;
  /** What chance begins with, where it loses its connection. */
  readonly seed: number;
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
  readonly gaps: number;
  /** What came in another order than it was sent or stored, was stored twice, or was told as a gap. */
  readonly wrong: readonly string[];
}
