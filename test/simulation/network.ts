import type { Random } from "./random.js";
import type { SimulatedServer } from "./simulated-server.js";
import { ms, type VirtualTime } from "./virtual-time.js";

/** A connection on which nothing overtakes, one way or the other; undefined where requests travel on their own. */
export interface Channel {
  readonly name: string;
  /** When the last request arrives, and the last answer. */
  arrivesUs: number;
  answersUs: number;
}

export const newChannel = (name: string): Channel => ({ name, arrivesUs: 0, answersUs: 0 });

/** Carries requests to the server and answers back: late, lost, twice, and out of order, as chance has it. */
export class Network {
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #server: SimulatedServer;
  readonly #lossy: number;
  /** Nothing is lost, late or doubled any more. */
  healed = false;

  constructor(time: VirtualTime, random: Random, server: SimulatedServer) {
    this.#time = time;
    this.#random = random;
    this.#server = server;
    this.#lossy = random.pick([0, 0.01, 0.05]);
  }

  /** How many copies of a request are sent. */
  copies(): number {
    return !this.healed && this.#random.chance(this.#lossy) ? 2 : 1;
  }

  /** Lets a request arrive, unless it is lost or the process it was sent to is gone by then. */
  send(arrive: () => void, channel?: Channel): void {
    const { engine } = this.#server;
    const lost = this.#isLost();
    let inUs = this.#latencyUs();
    if (channel !== undefined) {
      channel.arrivesUs = Math.max(channel.arrivesUs, this.#time.nowUs + inUs);
      inUs = channel.arrivesUs - this.#time.nowUs;
    }
    if (lost) return;
    if (inUs === 0) arrive();
    else
      this.#time.in(inUs, () => {
        if (this.#server.engine === engine) arrive();
      });
  }

  /** As `send`, of what belongs to a connection: it does not reach another life of the server. */
  sendInLife(arrive: () => void, channel?: Channel): void {
    const { lives } = this.#server;
    this.send(() => {
      if (this.#server.lives === lives) arrive();
    }, channel);
  }

  /** Lets a client hear an answer, which may be late or lost: it may come when the process that gave it is gone. */
  answer(hear: () => void, channel?: Channel): void {
    if (this.#isLost()) return;
    let inUs = this.#latencyUs();
    if (channel !== undefined) {
      channel.answersUs = Math.max(channel.answersUs, this.#time.nowUs + inUs);
      inUs = channel.answersUs - this.#time.nowUs;
    }
    if (inUs === 0) hear();
    else this.#time.in(inUs, hear);
  }

  #isLost(): boolean {
    return !this.healed && this.#random.chance(this.#lossy);
  }

  #latencyUs(): number {
    if (this.healed || this.#random.chance(0.6)) return 0;
    return this.#random.chance(0.05) ? this.#random.below(ms(2_000)) : this.#random.below(ms(5));
  }
}
