import type { StoredEngine } from "../../packages/server/src/engines/stored-engine.js";
import { failureOf } from "./failure.js";
import { digestOf, type Letter, packLetters } from "./messages.js";
import { Producer } from "./producer.js";
import { fatesOf } from "./simulated-publishers.js";
import type { World } from "./world.js";

/** The queue whose messages have delays. It has no dead letters, and is not purged. */
export const OVEN_QUEUE = "oven";

const KEYS = ["a", "b"] as const;
const DELAYS_MS = [1, 20, 20, 300, 5_000] as const;
const HOUR_MS = 3_600_000;
const TRIES_MAX = 100;
const PAUSE_US = 50_000;
/** While a commit is written what is due has not taken its place yet. */
const RACE_US = 30_000;

/**
 * One application that publishes with delays, one request after the other, and sends each again until it has its receipt:
 * by that messages are known, which take new sequences when they take their places.
 */
export class Oven {
  readonly #world: World;
  readonly #producer = new Producer<Letter>("baker", OVEN_QUEUE, undefined);
  readonly #there: boolean;
  #letters = 0;
  /** The life in which a request is under way. */
  #busyIn: number | undefined;

  constructor(world: World) {
    this.#world = world;
    this.#there = world.queues.some(({ name }) => name === OVEN_QUEUE);
  }

  /** Publishes something, or sends what is open again. Returns false while it waits for an answer. */
  use(): boolean {
    const { server, random } = this.#world;
    const { engine } = server;
    if (!this.#there || engine === undefined || !server.serves || this.#busyIn === server.lives) return false;
    const open = this.#producer.oldestOpen < this.#producer.next;
    if (!open) this.#write(random.chance(0.5) ? random.pick(DELAYS_MS) : undefined);
    this.#world.spawn(this.#send(engine));
    return true;
  }

  /** Publishes about when something becomes due, after which the process dies and another clock may be set. */
  race(): boolean {
    const { server, random, time } = this.#world;
    const { engine } = server;
    if (engine === undefined || !this.use()) return false;
    const [downMs, jumpMs] = [random.below(50), random.pick([0, -100, -5_000, -HOUR_MS, HOUR_MS])];
    for (let count = random.between(2, 6); count > 0; count--) time.in(random.below(2 * RACE_US), () => this.use());
    time.in(random.below(3 * RACE_US), () => {
      if (server.engine === engine) server.crash(downMs, jumpMs);
    });
    return true;
  }

  /** Learns what became of all that it sent. */
  async close(engine: StoredEngine): Promise<void> {
    const { time } = this.#world;
    for (let tries = 0; this.#producer.openCount > 0; tries++) {
      // The engine finds out by the clock that a full disk has room again.
      if (tries > 0) await time.until("a pause", new Promise<void>((resolve) => time.in(PAUSE_US, resolve)));
      if (tries > TRIES_MAX)
        throw new Error(`no receipts for ${this.#producer.openCount} messages with delays, although nothing fails any more`);
      await time.until("receipts of delayed messages", this.#send(engine));
    }
  }

  #write(delayMs: number | undefined): void {
    const { random } = this.#world;
    const text = `o${++this.#letters}`;
    const letter: Letter = {
      queue: OVEN_QUEUE,
      id: `baker-${this.#producer.next}`,
      chosenId: false,
      text,
      bodyBytes: random.between(10, 60),
      key: random.pick(KEYS),
      ...(delayMs === undefined ? {} : { delayMs }),
      ...(random.chance(0.1) ? { ttlMs: random.pick([10, 3_000]) } : {}),
    };
    this.#producer.add([letter], false);
  }

  /** Sends what is open. */
  async #send(engine: StoredEngine): Promise<void> {
    const { server } = this.#world;
    const { lives } = server;
    const firstNumber = this.#producer.oldestOpen;
    const letters = this.#producer.from(firstNumber, this.#producer.openCount);
    const calls = letters.map((letter, index) => this.#invoke(letter, firstNumber + index));
    this.#busyIn = lives;
    try {
      const producer = { id: this.#producer.id, firstNumber, oldestOpen: firstNumber };
      const request = { ...this.#world.address(OVEN_QUEUE), count: letters.length, records: packLetters(letters), producer };
      const [runs = []] = await engine.append([request], false);
      for (const [index, fate] of fatesOf(runs).entries()) this.#answer(letters[index], calls[index], firstNumber + index, fate);
    } catch (error) {
      const code = failureOf(error);
      if (code !== undefined) for (const call of calls) this.#world.record({ type: "publish-done", call, outcome: "fail", code });
    } finally {
      if (this.#busyIn === lives) this.#busyIn = undefined;
    }
  }

  #answer(letter: Letter | undefined, call: number | undefined, number: number, fate: ReturnType<typeof fatesOf>[number]): void {
    if (letter === undefined || call === undefined) return;
    if ("code" in fate) {
      this.#world.record({ type: "publish-done", call, outcome: "fail", code: fate.code });
      if (fate.retryable) return;
    } else this.#world.record({ type: "publish-done", call, outcome: "ok", id: letter.id, ...fate });
    this.#producer.close(number);
  }

  #invoke(letter: Letter, number: number): number {
    const { id, key, delayMs, ttlMs } = letter;
    const call = this.#world.nextCall();
    this.#world.record({
      type: "publish",
      call,
      queue: OVEN_QUEUE,
      id,
      producer: { id: this.#producer.id, number },
      body: digestOf(letter),
      ...(key === undefined ? {} : { key }),
      ...(delayMs === undefined ? {} : { delayMs }),
      ...(ttlMs === undefined ? {} : { ttlMs }),
    });
    return call;
  }
}
