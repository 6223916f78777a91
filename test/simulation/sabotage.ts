import { Catalog } from "../../packages/server/src/core/catalog.js";
import { Chain, type ParkedMessage } from "../../packages/server/src/core/chain.js";
import { Core } from "../../packages/server/src/core/core.js";
import { Holding } from "../../packages/server/src/core/holding.js";
import { IdIndex } from "../../packages/server/src/core/id-index.js";
import * as keys from "../../packages/server/src/core/keys.js";
import { Producer } from "../../packages/server/src/core/producer.js";
import { Queue } from "../../packages/server/src/core/queue.js";
import { Transitions } from "../../packages/server/src/core/transitions.js";
import type { Write } from "../../packages/server/src/store.js";
import type { ViolationKind } from "./checker.js";
import { Consumers } from "./simulated-consumers.js";
import { SimulatedStore } from "./simulated-store.js";

/** A bug put into the engine, its store or its gateway from outside. */
export interface Sabotage {
  readonly bug: string;
  /** What the checker must call it. */
  readonly kind: ViolationKind;
  /** Puts it in, and returns how to take it out. */
  apply(): () => void;
}

/** Replaces a method by one made of it. */
function replace<Target extends object, Name extends keyof Target>(
  target: Target,
  name: Name,
  make: (original: Target[Name]) => Target[Name],
): () => void {
  const original = target[name];
  target[name] = make(original);
  return () => {
    target[name] = original;
  };
}

/** The same for a getter. */
function replaceGetter<Target extends object, Name extends keyof Target>(
  target: Target,
  name: Name,
  make: (original: (this: Target) => Target[Name]) => (this: Target) => Target[Name],
): () => void {
  const known = Object.getOwnPropertyDescriptor(target, name);
  if (known?.get === undefined) throw new Error(`${String(name)} is no getter`);
  Object.defineProperty(target, name, { ...known, get: make(known.get) });
  return () => {
    Object.defineProperty(target, name, known);
  };
}

/** Lets a message that was given back wait behind those of its key that never left. */
function laterFirst(): () => void {
  const parked = new WeakMap<Chain, ParkedMessage[]>();
  const takeOut = [
    replace(
      Chain.prototype,
      "park",
      (park) =>
        function (this: Chain, message) {
          parked.set(this, [...(parked.get(this) ?? []), message]);
          park.call(this, message);
        },
    ),
    replace(
      Chain.prototype,
      "take",
      (take) =>
        function (this: Chain, head) {
          if (head.parked !== undefined) parked.get(this)?.shift();
          take.call(this, head);
        },
    ),
    replaceGetter(
      Chain.prototype,
      "head",
      (head) =>
        function (this: Chain) {
          const first = head.call(this);
          const other = parked.get(this)?.[0];
          return first?.held !== undefined && other !== undefined ? { parked: other } : first;
        },
    ),
  ];
  return () => {
    for (const undo of takeOut) undo();
  };
}

const SETTLED = 0x21;
const DEFINITION = 0x10;
const QUEUE_KEY_BYTES = 5;

/** Writes of dead-letter queues, which a test tells by their names. */
class DeadQueues {
  readonly #numbers = new Set<number>();

  owns({ key, value }: Write): boolean {
    if (key.length < QUEUE_KEY_BYTES) return false;
    const number = Buffer.from(key).readUInt32BE(1);
    if (key[0] === DEFINITION && value !== undefined && /\.dead"|graveyard"/.test(nameOf(value))) this.#numbers.add(number);
    return this.#numbers.has(number);
  }
}

const isRemoval = ({ key, value }: Write): boolean => value === undefined || key[0] === SETTLED;

const nameOf = (definition: Uint8Array): string =>
  JSON.stringify((JSON.parse(Buffer.from(definition).toString("utf8")) as { readonly name: string }).name);

export const SABOTAGES: readonly Sabotage[] = [
  {
    bug: "a receipt before the sync",
    kind: "lost",
    apply: () =>
      replace(
        SimulatedStore.prototype,
        "write",
        (write) =>
          function (this: SimulatedStore, writes) {
            write.call(this, writes).catch(() => {});
            return Promise.resolve();
          },
      ),
  },
  {
    bug: "settlements missing in commits",
    kind: "redelivered",
    apply: () =>
      replace(
        SimulatedStore.prototype,
        "apply",
        (apply) =>
          function (this: SimulatedStore, writes) {
            apply.call(
              this,
              writes.filter(({ key }) => key[0] !== SETTLED),
            );
          },
      ),
  },
  {
    bug: "stale tokens accepted",
    kind: "stale-accepted",
    apply: () =>
      replace(
        Core.prototype,
        "settle",
        (settle) =>
          function (this: Core, consumer, runs, now) {
            return settle.call(this, consumer, runs, now).map(({ count }) => ({ count }));
          },
      ),
  },
  {
    bug: "tokens of an earlier life accepted",
    kind: "stale-accepted",
    apply: () => replace(Consumers.prototype, "fence", () => (_engine, text) => Number.parseInt(text.slice(text.indexOf(".") + 1), 36)),
  },
  {
    bug: "attempts not counted after a crash",
    kind: "attempt",
    apply: () =>
      replace(
        Catalog.prototype,
        "restoreState",
        (restore) =>
          function (this: Catalog, number, stored) {
            restore.call(this, number, stored);
            for (const queue of this.all()) if (queue.number === number) queue.recoverThrough = 0;
          },
      ),
  },
  {
    bug: "dead letters moved in two commits",
    kind: "two-places",
    apply: () => {
      const dead = new DeadQueues();
      return replace(
        SimulatedStore.prototype,
        "write",
        (write) =>
          async function (this: SimulatedStore, writes) {
            const moved = writes.filter((one) => dead.owns(one));
            const others = writes.filter((one) => !moved.includes(one));
            if (moved.length > 0) await write.call(this, moved);
            if (others.length > 0) await write.call(this, others);
          },
      );
    },
  },
  {
    bug: "chosen ids forgotten at a restart",
    kind: "duplicated",
    apply: () => replace(IdIndex.prototype, "restore", () => () => {}),
  },
  {
    bug: "producers forgotten at a restart",
    kind: "duplicated",
    apply: () => replace(Catalog.prototype, "restoreProducer", () => () => {}),
  },
  {
    bug: "a refused number that makes the next look like a duplicate",
    kind: "conflict",
    apply: () =>
      replace(
        Producer.prototype,
        "note",
        (note) =>
          function (this: Producer, count, sequence, error) {
            if (error === undefined) note.call(this, count, sequence);
            else note.call(this, count + 1, 1);
          },
      ),
  },
  {
    bug: "counts that drift",
    kind: "counts",
    apply: () =>
      replace(
        Transitions.prototype,
        "finish",
        (finish) =>
          function (this: Transitions, lease) {
            finish.call(this, lease);
            if (lease.attempt === 3) lease.consumer.queue.counts.acked++;
          },
      ),
  },
  {
    bug: "the delay of a nack ignored",
    kind: "early-retry",
    apply: () =>
      replace(
        Transitions.prototype,
        "fail",
        (fail) =>
          function (this: Transitions, lease, now, delayMs, reason) {
            fail.call(this, lease, now, delayMs === undefined ? undefined : 0, reason);
          },
      ),
  },
  {
    bug: "messages delivered more often than they may",
    kind: "attempt",
    apply: () =>
      replace(
        Transitions.prototype,
        "fail",
        (fail) =>
          function (this: Transitions, lease, now, delayMs, reason) {
            const { queue } = lease.consumer;
            const { options } = queue;
            if (options.maxAttempts > 0) queue.options = { ...options, maxAttempts: options.maxAttempts + 1 };
            fail.call(this, lease, now, delayMs, reason);
            queue.options = options;
          },
      ),
  },
  {
    bug: "the next of a key before the settlement is on disk",
    kind: "key-overlap",
    apply: () => {
      const thaw = replace(Holding.prototype, "freeze", () => () => {});
      const hurry = replace(
        Core.prototype,
        "lease",
        (lease) =>
          function (this: Core, ...call) {
            return { ...lease.apply(this, call), wait: false };
          },
      );
      return () => {
        hurry();
        thaw();
      };
    },
  },
  {
    bug: "the order of a key lost on a nack",
    kind: "overtaken",
    apply: laterFirst,
  },
  {
    bug: "messages that were given back forgotten at a restart, and others of their key first",
    kind: "overtaken",
    apply: () =>
      replace(
        Core.prototype,
        "restoreHeld",
        () =>
          function (this: Core, _queue, [key]) {
            return { key: keys.heldOf(key).key, full: false };
          },
      ),
  },
  {
    bug: "a redrive that leaves a copy",
    kind: "redrive",
    apply: () => {
      const dead = new DeadQueues();
      return replace(
        SimulatedStore.prototype,
        "apply",
        (apply) =>
          function (this: SimulatedStore, writes) {
            apply.call(
              this,
              writes.filter((one) => !(dead.owns(one) && isRemoval(one))),
            );
          },
      );
    },
  },
  {
    bug: "a purge that misses parked messages",
    kind: "purge",
    apply: () =>
      replace(
        Queue.prototype,
        "order",
        (order) =>
          function (this: Queue) {
            if (this.chains === undefined) order.call(this);
          },
      ),
  },
  {
    bug: "a pause forgotten at a restart",
    kind: "paused",
    apply: () =>
      replace(
        Catalog.prototype,
        "restoreDefinition",
        (restore) =>
          function (this: Catalog, number, stored) {
            restore.call(this, number, stored);
            for (const queue of this.all()) queue.paused = false;
          },
      ),
  },
];
