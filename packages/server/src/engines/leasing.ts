import type { Clock } from "../clock.js";
import type { Consumer } from "../core/consumer.js";
import type { Lease } from "../core/lease.js";
import type { Leased } from "../engine.js";
import type { Life } from "./life.js";
import type { Lives } from "./lives.js";

/** Hands leases to consumers: at once, or when it is sure that the attempt is counted after a crash. */
export class Leasing {
  readonly #lives: Lives;
  readonly #clock: Clock;
  /** Leases whose bytes are let go after this turn, as they were handed over together. */
  #handedOver: (readonly Lease[])[] = [];

  constructor(lives: Lives, clock: Clock) {
    this.#lives = lives;
    this.#clock = clock;
  }

  lease(consumer: number, count: number, bytesMax: number, wanted?: number): readonly Leased[] | Promise<readonly Leased[]> {
    const life = this.#lives.running();
    const { core } = life;
    const found = core.consumer(consumer);
    if (found === undefined) return [];
    const { leases, wait } = life.attempt(() => core.lease(found, count, bytesMax, this.#clock.now(), wanted));
    life.turnedSoon();
    if (core.hasChanges) life.commits.schedule();
    if (wait) return this.#heldOnceDurable(life, found, leases);
    if (leases.length > 0) this.#letGoLater(leases);
    return leases;
  }

  async #heldOnceDurable(life: Life, found: Consumer, leases: readonly Lease[]): Promise<readonly Leased[]> {
    await life.commits.durable();
    if (life.core.consumer(found.number) !== found) return [];
    // Meanwhile some may have ended.
    const held = leases.filter(({ lease }) => found.has(lease));
    for (const lease of held) lease.waits = false;
    this.#letGoLater(leases);
    if (held.length < leases.length) {
      // It came back short though there may be more.
      life.core.work.add(found.queue);
      life.turned();
    }
    return held;
  }

  /** Whoever leased reads the bytes in this turn; after it the leases need not keep them in memory. */
  #letGoLater(leases: readonly Lease[]): void {
    if (this.#handedOver.length === 0) this.#clock.soon(() => this.#letGo());
    this.#handedOver.push(leases);
  }

  #letGo(): void {
    const handedOver = this.#handedOver;
    this.#handedOver = [];
    for (const leases of handedOver) for (const lease of leases) lease.held = undefined;
  }
}
