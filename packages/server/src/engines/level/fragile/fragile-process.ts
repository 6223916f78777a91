/** From 0 (included) to 1 (not). */
export type Random = () => number;

/** Chances that something goes wrong, from 0 to 1. */
export interface Faults {
  readonly write: number;
  readonly sync: number;
  readonly below: number;
  readonly growth: number;
}

export const NO_FAULTS: Faults = { write: 0, sync: 0, below: 0, growth: 0 };

/** A process that ends after a number of steps. */
export class Process {
  readonly random: Random;
  readonly faults: Faults;
  readonly death: Promise<void>;
  isDead = false;
  #stepsLeft: number;
  #die: () => void = () => undefined;

  constructor(random: Random, steps: number, faults: Faults) {
    this.random = random;
    this.faults = faults;
    this.#stepsLeft = steps;
    this.death = new Promise((resolve) => {
      this.#die = resolve;
    });
  }

  kill(): void {
    this.isDead = true;
    this.#die();
  }

  /** Whether it lives on after one more step. */
  step(): boolean {
    if (!this.isDead && --this.#stepsLeft < 0) this.kill();
    return !this.isDead;
  }

  /** A step after which others have their turn; never returns to a dead process. */
  async turn(): Promise<void> {
    if (this.step() && this.random() < 0.5) await new Promise((resolve) => setImmediate(resolve));
    if (this.isDead) await new Promise(() => undefined);
  }
}
