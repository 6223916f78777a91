import type { StoredEngine } from "../../packages/server/src/engines/stored-engine.js";
import { failureOf } from "./failure.js";
import type { QueueSettings } from "./history.js";
import { digestOf, packLetters } from "./messages.js";
import { optionsOf } from "./queues.js";
import { fatesOf } from "./simulated-publishers.js";
import type { World } from "./world.js";

/** Between a queue's name and which of that name it is, in a history. */
const SEPARATOR = "#";

/** What the engine calls a queue of the history. */
export const engineName = (queue: string): string => queue.split(SEPARATOR)[0] ?? queue;

const SETTINGS: Omit<QueueSettings, "ordering"> = {
  leaseMs: 1_000,
  maxAttempts: 3,
  backoff: { type: "fixed", delayMs: 100, delayMaxMs: 100, jitter: 0 },
  poison: "dead-letter",
  deadLetter: false,
  dedupWindowMs: 60_000,
};

type Step = (engine: StoredEngine) => Promise<void>;

/**
 * A queue that one application makes, uses, removes and makes again, always under one name. It does one thing after the
 * other, so whatever a queue of that name has was put there after the one before it was gone.
 */
export class Shed {
  readonly #world: World;
  #name = 1;
  #made = 0;
  /** In the history; undefined while there is none. */
  #queue: string | undefined;
  /** The life in which a step is under way, and whether nobody can tell what becomes of the queue when that ends. */
  #busy: { readonly lives: number; readonly breaks: boolean } | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  /** The queue that is surely there. */
  get queue(): string | undefined {
    return this.#busy?.breaks ? undefined : this.#queue;
  }

  /** Does something with the queue. Returns false while it waits for the step before. */
  use(): boolean {
    const { random, server } = this.#world;
    const { engine } = server;
    if (engine === undefined || !server.serves) return false;
    if (this.#busy !== undefined && this.#busy.lives === server.lives) return false;
    if (this.#busy?.breaks) this.#abandon();
    const queue = this.#queue;
    if (queue === undefined) this.#do(engine, true, (on) => this.#make(on));
    else if (random.chance(0.6)) this.#do(engine, false, (on) => this.#publish(on, queue));
    else if (random.chance(0.5)) this.#do(engine, false, () => this.#world.consumers.attach(queue));
    else this.#do(engine, true, (on) => this.#remove(on, queue));
    return true;
  }

  #do(engine: StoredEngine, breaks: boolean, step: Step): void {
    const busy = { lives: this.#world.server.lives, breaks };
    this.#busy = busy;
    const over = (): void => {
      if (this.#busy === busy) this.#busy = undefined;
    };
    this.#world.spawn(step(engine).then(over));
  }

  /** Nobody knows whether it is there: another name is used from now on. */
  #abandon(): void {
    this.#name++;
    this.#queue = undefined;
  }

  async #make(engine: StoredEngine): Promise<void> {
    const { random } = this.#world;
    const settings: QueueSettings = { ...SETTINGS, ordering: random.pick<QueueSettings["ordering"]>(["none", "key", "fifo"]) };
    const queue = `shed-${this.#name}${SEPARATOR}${++this.#made}`;
    this.#world.record({ type: "define", queue, options: settings });
    try {
      await engine.define(this.#world.address(queue), optionsOf(settings));
      this.#queue = queue;
    } catch (error) {
      if (failureOf(error) === undefined) this.#abandon();
    }
  }

  /** The ids are the same in each queue of the name: none remembers those of the one before. */
  async #publish(engine: StoredEngine, queue: string): Promise<void> {
    const { random } = this.#world;
    const number = random.below(6);
    const text = `s${number}`;
    const letter = { id: `shed-${text}`, chosenId: true, text, bodyBytes: 20, key: number % 2 === 0 ? "a" : "b" };
    const call = this.#world.nextCall();
    this.#world.record({ type: "publish", call, queue, id: letter.id, body: digestOf(letter), key: letter.key });
    try {
      const records = packLetters([letter]);
      const [runs = []] = await engine.append([{ ...this.#world.address(queue), count: 1, records }], false);
      const [fate] = fatesOf(runs);
      if (fate === undefined) return;
      if ("code" in fate) this.#world.record({ type: "publish-done", call, outcome: "fail", code: fate.code });
      else this.#world.record({ type: "publish-done", call, outcome: "ok", id: letter.id, ...fate });
    } catch (error) {
      const code = failureOf(error);
      if (code !== undefined) this.#world.record({ type: "publish-done", call, outcome: "fail", code });
    }
  }

  /** For those who consume it is as if they left. */
  async #remove(engine: StoredEngine, queue: string): Promise<void> {
    const calls = this.#world.consumers.of(queue).map(({ name }) => {
      const call = this.#world.nextCall();
      this.#world.record({ type: "detach", call, consumer: name, counted: false });
      return call;
    });
    try {
      await engine.remove(this.#world.address(queue));
      this.#queue = undefined;
      for (const call of calls) this.#world.record({ type: "detach-done", call, outcome: "ok" });
    } catch (error) {
      const code = failureOf(error);
      if (code === undefined) this.#abandon();
      else for (const call of calls) this.#world.record({ type: "detach-done", call, outcome: "fail", code });
    }
  }
}
