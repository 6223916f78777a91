import { Administration } from "../../packages/server/src/core/administration.js";
import { Catalog } from "../../packages/server/src/core/catalog.js";
import { Core } from "../../packages/server/src/core/core.js";
import { Delays } from "../../packages/server/src/core/delays.js";
import { Expiry } from "../../packages/server/src/core/expiry.js";
import { Holding } from "../../packages/server/src/core/holding.js";
import { IdIndex } from "../../packages/server/src/core/id-index.js";
import * as keys from "../../packages/server/src/core/keys.js";
import { Leasing } from "../../packages/server/src/core/leasing.js";
import { Producer } from "../../packages/server/src/core/producer.js";
import { Recovery } from "../../packages/server/src/core/recovery.js";
import { Transitions } from "../../packages/server/src/core/transitions.js";
import type { ViolationKind } from "./checker.js";
import { Consumers } from "./simulated-consumers.js";
import { SimulatedStore } from "./simulated-store.js";
import { DeadQueues, isRemoval, laterFirst, replace, SETTLED, withOneMoreAttempt } from "./tampering.js";

/** A bug put into the engine, its store or its gateway from outside. */
export interface Sabotage {
  readonly bug: string;
  /** What the checker must call it. */
  readonly kind: ViolationKind;
  /** Where the search begins, so that what shows seldom is found soon; 1 unless given. As many seeds are tried from there on. */
  readonly firstSeed?: number;
  /** Puts it in, and returns how to take it out. */
  apply(): () => void;
}

/** How much too early delayed messages are taken. */
const EARLY_MS = 2_000;

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
    bug: "places forgotten that messages had by an earlier clock",
    kind: "overtaken",
    firstSeed: 1_980,
    apply: () =>
      replace(
        Catalog.prototype,
        "restoreState",
        (restoreState) =>
          function (this: Catalog, number, stored) {
            restoreState.call(this, number, stored);
            const queue = this.numbered(number);
            if (queue !== undefined) queue.delays.placedThrough = 0;
          },
      ),
  },
  {
    bug: "a delayed message that is early",
    kind: "early",
    apply: () =>
      replace(
        Delays.prototype,
        "promote",
        (promote) =>
          function (this: Delays, queue, entries, now, reached = now) {
            promote.call(this, queue, entries, now, reached + EARLY_MS);
          },
      ),
  },
  {
    bug: "an expired message that is delivered",
    kind: "expired-delivered",
    apply: () => {
      const head = replace(Expiry.prototype, "isOver", () => () => false);
      const log = replace(Expiry.prototype, "isOverIn", () => () => false);
      return () => {
        log();
        head();
      };
    },
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
            // Again and again, so that a crash finds a gap to come in.
            for (let times = moved.length > 0 ? 5 : 0; times > 0; times--) await write.call(this, moved);
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
    apply: () => {
      const fail = replace(
        Transitions.prototype,
        "fail",
        (fail) =>
          function (this: Transitions, lease, now, delayMs, reason) {
            withOneMoreAttempt(lease.consumer.queue, () => fail.call(this, lease, now, delayMs, reason));
          },
      );
      const lease = replace(
        Leasing.prototype,
        "lease",
        (lease) =>
          function (this: Leasing, consumer, ...how) {
            return withOneMoreAttempt(consumer.queue, () => lease.call(this, consumer, ...how));
          },
      );
      return () => {
        fail();
        lease();
      };
    },
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
        Recovery.prototype,
        "restoreHeld",
        () =>
          function (this: Recovery, _queue, [key]) {
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
    firstSeed: 54,
    apply: () =>
      replace(
        Administration.prototype,
        "purge",
        (purge) =>
          function (this: Administration, queue) {
            const { chains } = queue;
            const purged = purge.call(this, queue);
            queue.chains = chains;
            for (const chain of chains?.values() ?? []) {
              for (const lease of chain.leases) chain.endLease(lease);
              chain.frozen = 0;
              chains?.review(chain, 0);
            }
            return purged;
          },
      ),
  },
  {
    bug: "a pause forgotten at a restart",
    kind: "paused",
    firstSeed: 65,
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
