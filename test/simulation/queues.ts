import type { QueueOptions } from "../../packages/server/src/options.js";
import type { QueueSettings } from "./history.js";
import type { Random } from "./random.js";

/** A queue of a run, with the options that it has now. */
export interface SimulatedQueue {
  readonly name: string;
  settings: QueueSettings;
  /** Whether the server was told; a `.dead` queue comes by itself. */
  readonly defined: boolean;
  /** Whether it holds dead letters. */
  readonly dead: boolean;
}

const NAMES = ["orders", "bills", "mail"] as const;
const DAY_MS = 86_400_000;

/** The queues of a run: one to three, and where their dead letters go. */
export function chooseQueues(random: Random): SimulatedQueue[] {
  return NAMES.slice(0, random.between(1, NAMES.length)).flatMap((name) => {
    const settings = chooseSettings(name, random);
    const queue = { name, settings, defined: true, dead: false };
    const { deadLetter } = settings;
    return deadLetter === false ? [queue] : [queue, deadQueue(deadLetter, random)];
  });
}

function chooseSettings(name: string, random: Random): QueueSettings {
  return {
    ordering: random.pick(["none", "none", "key", "key", "fifo"]),
    poison: "dead-letter",
    ...chooseRetries(random),
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
    backoff: {
      type: random.pick(["fixed", "exponential"]),
      delayMs,
      delayMaxMs: delayMs * random.pick([1, 4, 20]),
      jitter: random.pick([0, 0, 0.5, 1]),
    },
  };
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
  return { name, settings: own ? { ...defaults, ...chooseRetries(random) } : defaults, defined: own, dead: true };
}

/** What the engine takes of a queue's settings. */
export function optionsOf(settings: QueueSettings): Partial<QueueOptions> {
  const { ordering, poison, leaseMs, maxAttempts, backoff, deadLetter, dedupWindowMs } = settings;
  return { ordering, poison, leaseMs, maxAttempts, backoff, deadLetter, dedupWindowMs };
}
