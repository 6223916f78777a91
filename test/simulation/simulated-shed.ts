import type { StoredEngine } from "../../packages/server/src/engines/stored-engine.js";
import { failureOf } from "./failure.js";
import type { QueueSettings } from "./history.js";
import { digestOf, packLetters } from "./messages.js";
import { optionsOf } from "./queues.js";
import { fatesOf } from "./simulated-publishers.js";
import { SoleOwner } from "./sole-owner.js";
import type { World } from "./world.js";

const SETTINGS: Omit<QueueSettings, "ordering"> = {
  leaseMs: 1_000,
  maxAttempts: 3,
  backoff: { type: "fixed", delayMs: 100, delayMaxMs: 100, jitter: 0 },
  poison: "dead-letter",
  deadLetter: false,
  dedupWindowMs: 60_000,
};

/** A queue that one application makes, uses, removes and makes again. */
export class Shed extends SoleOwner {
  constructor(world: World) {
    super(world, "shed");
  }

  protected chooseStep(queue: string | undefined): readonly [(engine: StoredEngine) => Promise<void>, breaks: boolean] {
    const { random, consumers } = this.world;
    if (queue === undefined) return [(engine) => this.#make(engine), true];
    if (random.chance(0.6)) return [(engine) => this.#publish(engine, queue), false];
    if (random.chance(0.5)) return [() => consumers.attach(queue), false];
    return [(engine) => this.#remove(engine, queue), true];
  }

  async #make(engine: StoredEngine): Promise<void> {
    const { random } = this.world;
    const settings: QueueSettings = { ...SETTINGS, ordering: random.pick<QueueSettings["ordering"]>(["none", "key", "fifo"]) };
    const queue = this.nextName();
    this.world.record({ type: "define", queue, options: settings });
    try {
      await engine.define(this.world.address(queue), optionsOf(settings));
      this.owned = queue;
    } catch (error) {
      if (failureOf(error) === undefined) this.abandon();
    }
  }

  /** The ids are the same in each queue of the name: none remembers those of the one before. */
  async #publish(engine: StoredEngine, queue: string): Promise<void> {
    const { random } = this.world;
    const number = random.below(6);
    const text = `s${number}`;
    const letter = { id: `shed-${text}`, chosenId: true, text, bodyBytes: 20, key: number % 2 === 0 ? "a" : "b" };
    const call = this.world.nextCall();
    this.world.record({ type: "publish", call, queue, id: letter.id, body: digestOf(letter), key: letter.key });
    try {
      const records = packLetters([letter]);
      const [runs = []] = await engine.append([{ ...this.world.address(queue), count: 1, records }], false);
      const [fate] = fatesOf(runs);
      if (fate === undefined) return;
      if ("code" in fate) this.world.record({ type: "publish-done", call, outcome: "fail", code: fate.code });
      else this.world.record({ type: "publish-done", call, outcome: "ok", id: letter.id, ...fate });
    } catch (error) {
      const code = failureOf(error);
      if (code !== undefined) this.world.record({ type: "publish-done", call, outcome: "fail", code });
    }
  }

  /** For those who consume it is as if they left. */
  async #remove(engine: StoredEngine, queue: string): Promise<void> {
    const calls = this.world.consumers.of(queue).map(({ name }) => {
      const call = this.world.nextCall();
      this.world.record({ type: "detach", call, consumer: name, counted: false });
      return call;
    });
    try {
      await engine.remove(this.world.address(queue));
      this.owned = undefined;
      for (const call of calls) this.world.record({ type: "detach-done", call, outcome: "ok" });
    } catch (error) {
      const code = failureOf(error);
      if (code === undefined) this.abandon();
      else for (const call of calls) this.world.record({ type: "detach-done", call, outcome: "fail", code });
    }
  }
}
