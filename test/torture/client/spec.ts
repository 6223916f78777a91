/** What a client process is to do. */
export interface ClientSpec {
  readonly name: string;
  /** Different for each client of a run: the numbers of its calls begin there. */
  readonly firstCall: number;
  readonly url: string;
  /** The file for its history. */
  readonly history: string;
  readonly seed: number;
  readonly publisher?: PublisherSpec;
  readonly consumer?: ConsumerSpec;
  readonly upkeep?: UpkeepSpec;
  readonly emitter?: EmitterSpec;
  readonly member?: MemberSpec;
  /** Drops its connection about so often. */
  readonly reconnectEveryMs?: number;
  /** So many of it are in one process, each with a connection of its own. Default: 1. */
  readonly crowd?: number;
}

export interface PublisherSpec {
  readonly queue: string;
  /** Publishes that are open at a time. */
  readonly window: number;
  /** Messages per publish, at most. */
  readonly batchMax: number;
  /** How long each lane waits between two publishes, on average. */
  readonly pauseMs: number;
  /** How often each message is published, under one id. */
  readonly times: number;
  /** How many ordering keys there are; 0: none. */
  readonly keys: number;
  readonly delayMsMax?: number;
  /** Of so many messages, one has a delay. */
  readonly delayOneIn?: number;
  readonly ttlMsMax?: number;
  /** Of so many messages, one has a time to live. */
  readonly ttlOneIn?: number;
  readonly bodyBytesMax: number;
}

export type Verb = "ack" | "nack" | "reject" | "release" | "extend" | "answer" | "late" | "none";

export interface ConsumerSpec {
  readonly queue: string;
  readonly maxInFlight: number;
  /** What becomes of a delivery, by weight. `answer` acknowledges with the callback, `none` lets the lease run out, `late` acknowledges after that. */
  readonly verbs: Partial<Readonly<Record<Verb, number>>>;
  /** How long it works on one at most. */
  readonly workMsMax: number;
  /** Keeps what it is given until it is told to settle it. */
  readonly hoards?: boolean;
}

export interface UpkeepSpec {
  readonly queue: string;
  readonly redriveEveryMs?: number;
  readonly purgeEveryMs?: number;
}

export interface EmitterSpec {
  /** It emits to one or to all of them. */
  readonly rooms: readonly string[];
  /** Those whom it excepts now and then, one at a time. */
  readonly users: readonly string[];
  /** Emits that are open at a time. */
  readonly window: number;
  /** How long each lane waits between two emits, on average. */
  readonly pauseMs: number;
  readonly bodyBytesMax: number;
}

/** The event that is emitted to rooms, and that of the last message in each. */
export const ROOM_EVENT = "order";
export const END_EVENT = "closed";

/** `none` never answers. */
export type RoomVerb = "ack" | "nack" | "none";

/** A device; its user is a member of the rooms. */
export interface MemberSpec {
  readonly user: string;
  readonly device: string;
  readonly rooms: readonly string[];
  /** What becomes of a message, by weight. */
  readonly verbs: Partial<Readonly<Record<RoomVerb, number>>>;
  /** How long it works on one at most. */
  readonly workMsMax: number;
}

/** What a client process is told. */
export type Order =
  /** Publishes no more; answers `quiet` once what is under way is over. */
  | "quiet"
  /** Acknowledges whatever comes; answers `drained` once its rooms have nothing more for it, if it is a member of any. */
  | "drain"
  /** Settles what it hoarded, and answers `settled`. */
  | "settle"
  /** Cancels its consumer and ends. */
  | "stop";

/** What a client process says. */
export type Word =
  | { readonly say: "ready" | "quiet" | "drained" | "acked" | "publishing" | "rejecting" | "redriving" | "purged" }
  | { readonly say: "hoard"; readonly count: number }
  | { readonly say: "settled"; readonly stale: number; readonly accepted: number; readonly other: readonly string[] };
