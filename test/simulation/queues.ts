import type { QueueOptions } from "../../packages/server/src/options.js";
import type { QueueSettings } from "./history.js";
import type { Random } from "./random.js";
import { OVEN_QUEUE } from "./simulated-oven.js";
import { FED_QUEUE } from "./simulated-rooms.js";

/** A queue of a run, with the options that it has now. */
export interface SimulatedQueue {
  readonly name: string;
  settings: QueueSettings;
  /** Whether the server was told; a `.dead` queue comes by itself. */
  readonly defined: boolean;
  /** Whether it holds dead letters. */
  readonly dead: boolean;
  /** Where all who publish to it wait for answers, if they do. */
  readonly replies?: string;
  /** How often it was paused and resumed. */
  pauses: number;
}

const NAMES = ["orders", "bills", "mail"] as const;
const FED = 0.4;
const DELAYING = 0.4;
const ASKING = 0.5;
/** The reply queue of a run. Nobody consumes it before the end, which comes before it is removed for that. */
export const REPLIES = "reply:0123456789abcdefghij";
const DAY_MS = 86_400_000;

/** The queues of a run: one to three, and where their dead letters go. */
export function chooseQueues(random: Random): SimulatedQueue[] {
  const names = [...NAMES.slice(0, random.between(1, NAMES.length)), ...(random.chance(FED) ? [FED_QUEUE] : [])];
  const queues = names.flatMap((name) => {
    const settings = chooseSettings(name, random);
    const replies = name !== FED_QUEUE && random.chance(ASKING) ? { replies: REPLIES } : {};
    const queue = { name, settings, defined: true, dead: false, ...replies, pauses: 0 };
    const { deadLetter } = settings;
    return deadLetter === false ? [queue] : [queue, deadQueue(deadLetter, random)];
  });
  return random.chance(DELAYING) ? [...queues, ovenQueue(random)] : queues;
}

function chooseSettings(name: string, random: Random): QueueSettings {
  const ordering = random.pick<QueueSettings["ordering"]>(["none", "none", "key", "key", "fifo"]);
  const poison = ordering === "none" || random.chance(0.6) ? "dead-letter" : "block";
  return {
    ordering,
    poison,
    ...chooseRetries(random),
    ...chooseLimits(poison, random),
    deadLetter: random.pick([`${name}.dead`, `${name}.dead`, `${name}-graveyard`, false]),
    dedupWindowMs: random.pick([0, 2_000, 60_000, DAY_MS]),
  };
}

/** Options that may change while a queue is used. */
export function chooseRetries(random: Random): Pick<QueueSettings, "leaseMs" | "maxAttempts" | "backoff"> {
  const delayMs = random.pick([0, 10, 500, 3_000]);
  return {
    leaseMs: random.pick([1_000, 2_500, 10_000]),
    maxAttempts: random.pick([0, 1, 2, 3, 5]),
    backoff: random.chance(0.2)
      ? { type: "list", delaysMs: random.pick([[0], [10, 500], [1_000, 0, 3_000]]) }
      : {
          type: random.pick(["fixed", "exponential"]),
          delayMs,
          delayMaxMs: delayMs * random.pick([1, 4, 20]),
          jitter: random.pick([0, 0, 0.5, 1]),
        },
  };
}

/** Limits that may change while a queue is used: mostly none, at times so low that they are reached. */
export function chooseLimits(
  poison: QueueSettings["poison"],
  random: Random,
): Pick<QueueSettings, "depthMax" | "bytesMax" | "ratePerSecondMax" | "overflow"> {
  return {
    depthMax: random.pick([0, 0, 0, 0, 0, 0, 5, 40]),
    bytesMax: random.pick([0, 0, 0, 0, 0, 2_000, 50_000]),
    ratePerSecondMax: random.pick([0, 0, 0, 0, 5, 200]),
    overflow: poison === "dead-letter" && random.chance(0.4) ? "dead-letter-oldest" : "reject",
  };
}

function ovenQueue(random: Random): SimulatedQueue {
  const settings: QueueSettings = {
    ordering: random.pick<QueueSettings["ordering"]>(["none", "key", "key", "fifo"]),
    poison: "dead-letter",
    ...chooseRetries(random),
    maxAttempts: 0,
    deadLetter: false,
    dedupWindowMs: DAY_MS,
  };
  return { name: OVEN_QUEUE, settings, defined: true, dead: false, pauses: 0 };
}

function deadQueue(name: string, random: Random): SimulatedQueue {
  const own = !name.endsWith(".dead");
  const backoff = { type: "exponential", delayMs: 1_000, delayMaxMs: 300_000, jitter: 0.5 } as const;
  const defaults: QueueSettings = {
    ordering: "none",
    leaseMs: 30_000,
    maxAttempts: 0,
    backoff,
    poison: "dead-letter",
    deadLetter: false,
    dedupWindowMs: 600_000,
  };
  return { name, settings: own ? { ...defaults, ...chooseRetries(random) } : defaults, defined: own, dead: true, pauses: 0 };
}

/** What the engine takes of a queue's settings: all of them. */
export const optionsOf = (settings: QueueSettings): Partial<QueueOptions> => settings;
