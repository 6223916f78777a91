import type { PlantedBug } from "./bug.js";

const ENGINE = "engines/stored-engine.ts";
const LIVES = "engines/lives.ts";
const COMMITS = "engines/commit-loop.ts";

/** Bugs of publishing, and of what is remembered of publishes. */
const PUBLISH_BUGS: readonly PlantedBug[] = [
  {
    bug: "a receipt before the sync",
    edits: [
      {
        file: LIVES,
        find: "await life.commits.durable();\n    return result;",
        replace: "life.commits.durable().catch(() => undefined);\n    return result;",
      },
    ],
    caught: { by: "simulation", kinds: ["lost"] },
  },
  {
    bug: "chosen ids forgotten at a restart",
    edits: [
      {
        file: "engines/restore.ts",
        find: "core.catalog.restoreIds(logOf(key), keys.positionOf(key), value, now);",
        replace: "core.catalog.restoreIds(undefined, keys.positionOf(key), value, now);",
      },
    ],
    caught: { by: "simulation", kinds: ["duplicated"] },
  },
  {
    bug: "producers forgotten at a restart",
    edits: [
      {
        file: "core/catalog.ts",
        find: "if (found.usedAt + PRODUCER_IDLE_MS > now) log.producers.set",
        replace: "if (found.usedAt < 0) log.producers.set",
      },
    ],
    caught: { by: "simulation", kinds: ["duplicated"] },
  },
  {
    bug: "a refused number that makes the next look like a duplicate",
    edits: [
      {
        file: "core/append.ts",
        find: "producer?.note(1, fate.sequence, fate.error);",
        replace: "producer?.note(fate.error === undefined ? 1 : 2, fate.sequence);",
      },
    ],
    caught: { by: "simulation", kinds: ["conflict"] },
  },
  {
    bug: "the same id taken for a duplicate, whatever its content",
    edits: [{ file: "core/append.ts", find: "if (!known.isSame) return", replace: "if (known.sequence === 0) return" }],
    caught: { by: "simulation", kinds: ["conflict"] },
  },
];

/** Bugs of leases, settlements and attempts. */
const DELIVERY_BUGS: readonly PlantedBug[] = [
  {
    bug: "a settlement missing in its commit",
    edits: [
      {
        file: "core/commit.ts",
        find: "if (mayBeStored) this.write(key, block.bitmap);\n        else this.add(key, block.bitmap);",
        replace: "",
      },
    ],
    caught: { by: "simulation", kinds: ["redelivered"] },
  },
  {
    bug: "the answer to a settlement before the sync",
    edits: [
      {
        file: ENGINE,
        find: "return this.#lives.committed((core, now) => core.settle(core.consumer(consumer), runs, now));",
        replace: `
    const life = this.#lives.running();
    const settled = life.attempt(() => life.core.settle(life.core.consumer(consumer), runs, this.#clock.now()));
    life.commits.durable().catch(() => undefined);
    return Promise.resolve(settled);`,
      },
    ],
    caught: { by: "simulation", kinds: ["redelivered"] },
  },
  {
    bug: "a stale token accepted",
    edits: [{ file: "core/settle.ts", find: "addResult(results, invalid ?? STALE);", replace: "addResult(results, invalid);" }],
    caught: { by: "simulation", kinds: ["stale-accepted"] },
  },
  {
    bug: "a token of an earlier life accepted",
    edits: [
      {
        file: "gateway/token.ts",
        find: "return at === epoch.length && token.startsWith(epoch) && LEASE_PATTERN",
        replace: "return at > 0 && LEASE_PATTERN",
      },
      {
        file: "consumers.ts",
        find: "const consumer = this.#byId.get(id);",
        replace: "const consumer = this.#byId.get(id) ?? [...this.#byId.values()].find((one) => one.identity === identity);",
      },
    ],
    caught: { by: "kills", kinds: ["stale-accepted"] },
  },
  {
    bug: "an attempt not counted after a crash",
    edits: [
      {
        file: "core/queue.ts",
        find: "queue.leasedThrough = queue.leasedThroughDurable = queue.recoverThrough = leasedThrough;",
        replace: "queue.leasedThrough = queue.leasedThroughDurable = leasedThrough;",
      },
    ],
    caught: { by: "simulation", kinds: ["attempt"] },
  },
  {
    bug: "one attempt too many for a message whose consumer was lost",
    edits: [
      {
        file: "core/transitions.ts",
        find: "if (counted && isSpent(queue.options, lease.attempt))",
        replace: "if (counted && isSpent(queue.options, lease.attempt - 1))",
      },
      { file: "core/level-leasing.ts", find: "isSpent(queue.options, attempts)", replace: "isSpent(queue.options, attempts - 1)" },
      {
        file: "core/chain-leasing.ts",
        find: "isSpent(queue.options, head.attempts)",
        replace: "isSpent(queue.options, head.attempts - 1)",
      },
    ],
    caught: { by: "simulation", kinds: ["attempt"] },
  },
  {
    bug: "the delay of a nack ignored",
    edits: [
      {
        file: "core/transitions.ts",
        find: "queue.options, now, delayMs, this.#context.random)",
        replace: "queue.options, now, delayMs && 0, this.#context.random)",
      },
    ],
    caught: { by: "simulation", kinds: ["early-retry"] },
  },
  {
    bug: "leases that end early",
    edits: [{ file: "core/consumer.ts", find: "if (lease.leaseUntil > now) break;", replace: "if (lease.leaseUntil > now + 400) break;" }],
    caught: { by: "simulation", kinds: ["early-retry", "stale-refused", "overlapped"] },
  },
  {
    bug: "a pause forgotten at a restart",
    edits: [{ file: "core/catalog.ts", find: "queue.paused = paused === true;", replace: "queue.paused = paused === undefined;" }],
    caught: { by: "simulation", kinds: ["paused"] },
  },
];

/** Bugs of the order by key and of fifo queues. */
const ORDER_BUGS: readonly PlantedBug[] = [
  {
    bug: "the next of a key before the settlement is on disk",
    edits: [
      {
        file: "core/chains.ts",
        find: "freeze(chain: Chain): void {\n    chain.frozen++;\n    this.#thawing.push(chain);",
        replace: "freeze(chain: Chain): void {\n    this.review(chain, 0);",
      },
      { file: "core/chain-leasing.ts", find: "return { wait: wait === true, cut,", replace: "return { wait: wait === undefined, cut," },
    ],
    caught: { by: "simulation", kinds: ["key-overlap"] },
  },
  {
    bug: "the order of a key lost on a nack",
    edits: [
      {
        file: "core/chain.ts",
        find: "held !== undefined && (parked === undefined || isBefore(held, parked)) ? held : parked;",
        replace: "held !== undefined && parked === undefined ? held : parked;",
      },
    ],
    caught: { by: "simulation", kinds: ["overtaken"] },
  },
  {
    bug: "the order of a key lost at a restart",
    edits: [
      {
        file: "core/recovery.ts",
        find: "this.#takeHeld(queue, chain, stored, now);\n    chains.review(chain, now);\n    return",
        replace: "chains.review(chain, now);\n    return",
      },
    ],
    caught: { by: "simulation", kinds: ["overtaken"] },
  },
  {
    bug: "what was leased after a nacked message of a fifo queue stays leased",
    edits: [
      {
        file: "core/transitions.ts",
        find: "for (const later of chain.leases) {",
        replace: "for (const later of chain.leases.slice(0, 0)) {",
      },
    ],
    caught: { by: "simulation", kinds: ["overtaken"] },
  },
];

/** Bugs of dead letters, times, purges and counts. */
const UPKEEP_BUGS: readonly PlantedBug[] = [
  {
    bug: "a commit in two writes, so that messages die in two steps",
    edits: [
      {
        file: COMMITS,
        find: "if (sealed.writes.length > 0) await this.#store.write(sealed.writes);",
        replace: `
      const half = Math.ceil(sealed.writes.length / 2);
      if (half > 0) await this.#store.write(sealed.writes.slice(0, half));
      if (half > 0) await this.#store.write(sealed.writes.slice(half));`,
      },
    ],
    caught: { by: "simulation", kinds: ["two-places", "nowhere"] },
  },
  {
    bug: "a redrive that leaves a copy",
    edits: [
      {
        file: "core/administration.ts",
        find: "!leased.has(sequence));\n    this.#takeOut(queue, moved);",
        replace: "!leased.has(sequence));\n    this.#takeOut(queue, []);",
      },
    ],
    caught: { by: "simulation", kinds: ["redrive", "two-places"] },
  },
  {
    bug: "a delayed message that comes early",
    edits: [
      {
        file: "core/append.ts",
        find: "const due = Math.min(now + delayMs, expireAt);",
        replace: "const due = Math.min(now + Math.floor(delayMs / 2), expireAt);",
      },
    ],
    caught: { by: "conformance", fails: /T1: .* not a millisecond before/ },
  },
  {
    bug: "an expired message that is delivered",
    edits: [
      {
        file: "core/expiry.ts",
        find: "return block.expires && this.#expireAt(queue, block, index) <= now;",
        replace: "return block.expires && this.#expireAt(queue, block, index) + 60_000 <= now;",
      },
    ],
    caught: { by: "simulation", kinds: ["expired-delivered"] },
  },
  {
    bug: "a purge that misses parked messages",
    edits: [
      {
        file: "core/administration.ts",
        find: "if (queue.chains !== undefined) this.#emptyChains(queue);",
        replace: `
    for (const chain of queue.chains?.values() ?? []) {
      for (const lease of chain.leases) chain.endLease(lease);
      queue.chains?.review(chain, 0);
    }`,
      },
    ],
    caught: { by: "simulation", kinds: ["purge"] },
  },
  {
    bug: "counts that drift",
    edits: [
      { file: "core/transitions.ts", find: "queue.counts[as]++;", replace: "if (lease.place.due === undefined) queue.counts[as]++;" },
    ],
    caught: { by: "simulation", kinds: ["counts"] },
  },
];

/** Bugs of queues, each in the code that does it. */
export const QUEUE_BUGS: readonly PlantedBug[] = [...PUBLISH_BUGS, ...DELIVERY_BUGS, ...ORDER_BUGS, ...UPKEEP_BUGS];
