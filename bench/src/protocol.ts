/** What the benchmark's processes say to each other over Node's channel between parent and child. */

/**
 * `guarded`: asks everybody for a token, and has every limit on what clients may ask for; `unguarded`: neither. `hardened`: asks for a token too, on a
 * `HardenedServer` behind a proxy, with limits that a flood reaches.
 */
export type ServerKind = "holdfast" | "plain" | "attached" | "guarded" | "unguarded" | "hardened";

/** The server tells where it listens, then answers each question with what it used so far. */
export interface ServerReady {
  readonly port: number;
}

export interface Usage {
  /** Processor time of the whole process since it started, in microseconds. */
  readonly cpuUs: number;
  readonly rssBytes: number;
  /** Of a server started with `collect`, after a collection. */
  readonly heapBytes: number;
}

/** What one load process is to do. */
export type Load =
  | {
      readonly kind: "round-trip";
      readonly port: number;
      readonly messages: number;
      readonly window: number;
      readonly bodyBytes: number;
      /** "none", with one consumer, unless given. */
      readonly order?: OrderLoad;
      /** Messages before the clock starts; `WARM_UP_MESSAGES` unless given. */
      readonly warmUp?: number;
      /** What the client says it is. */
      readonly token?: string | undefined;
      /** How the handler ends each delivery: "ack" unless given. */
      readonly settle?: "ack" | "reject";
    }
  | {
      readonly kind: "emit-with-ack";
      readonly port: number;
      readonly messages: number;
      readonly window: number;
      readonly bodyBytes: number;
    }
  | { readonly kind: "publish"; readonly port: number; readonly messages: number; readonly window: number; readonly bodyBytes: number }
  | {
      readonly kind: "fill";
      readonly port: number;
      readonly queue: string;
      readonly messages: number;
      /** Messages of an array, and how many arrays are unconfirmed at a time. */
      readonly arrayMessages: number;
      readonly turns: number;
      /** When all of them become due, in milliseconds since 1970; ready at once unless given. */
      readonly dueAt?: number | undefined;
      readonly bodyBytes: number;
    }
  | { readonly kind: "drain"; readonly port: number; readonly messages: number; readonly window: number }
  | {
      readonly kind: "through";
      readonly port: number;
      readonly queue: string;
      readonly messages: number;
      readonly window: number;
      readonly bodyBytes: number;
    }
  | {
      readonly kind: "queues";
      readonly port: number;
      readonly count: number;
      readonly clients: number;
      readonly messages: number;
      readonly window: number;
      readonly bodyBytes: number;
    }
  | {
      readonly kind: "hold";
      readonly port: number;
      readonly messages: number;
      /** One of so many stays in flight. */
      readonly every: number;
    };

export interface LoadResult {
  readonly messages: number;
  readonly seconds: number;
  /** From the call of publish or emit to the handler, in milliseconds; of a sample. */
  readonly latenciesMs: readonly number[];
}

/** Sent before the clock starts, by either kind alike: until then the engine is still compiling what is hot. */
export const WARM_UP_MESSAGES = 50_000;

/** How the messages of a round trip are ordered, and who consumes them. */
export interface OrderLoad {
  readonly ordering: "none" | "key" | "fifo";
  readonly keys: number;
  /** `zipf`: the n-th key is n times as rare as the first. `distinct`: none comes twice. */
  readonly distribution: "uniform" | "zipf" | "distinct";
  readonly consumers: number;
}
