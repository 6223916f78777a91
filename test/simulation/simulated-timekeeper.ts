import type { StoredEngine } from "../../packages/server/src/engines/stored-engine.js";
import { engineName } from "./engine-name.js";
import { failureOf } from "./failure.js";
import { packLetters } from "./messages.js";
import { SoleOwner } from "./sole-owner.js";
import type { World } from "./world.js";

/** How often occurrences come; each divides the minute, or begins anew with it. */
const EVERY_SECONDS: readonly [number, ...number[]] = [1, 2, 7, 20, 60];

/** A schedule that one application sets, replaces, removes and sets again, each time with another message. It has a queue of its own. */
export class Timekeeper extends SoleOwner {
  /** Queues that may be there, by what the engine calls them and their schedules. */
  readonly queues = new Set<string>();
  #everySeconds = 1;

  constructor(world: World) {
    super(world, "chime");
  }

  protected chooseStep(schedule: string | undefined): readonly [(engine: StoredEngine) => Promise<void>, breaks: boolean] {
    const { random } = this.world;
    const drawn = random.next();
    if (schedule === undefined || drawn < 0.4) return [(engine) => this.#set(engine), true];
    if (drawn < 0.7) return [(engine) => this.#setAgain(engine, schedule), false];
    return [(engine) => this.#remove(engine, schedule), true];
  }

  async #set(engine: StoredEngine): Promise<void> {
    const schedule = this.nextName();
    const name = engineName(schedule);
    this.queues.add(name);
    const everySeconds = this.world.random.pick(EVERY_SECONDS);
    const call = this.world.nextCall();
    this.world.record({ type: "schedule", call, schedule, everySeconds });
    try {
      await engine.define(this.world.address(name), {});
      const next = await engine.schedule(this.world.address(name), name, planOf(schedule, everySeconds));
      this.owned = schedule;
      this.#everySeconds = everySeconds;
      this.world.record({ type: "schedule-done", call, outcome: "ok", next });
    } catch (error) {
      const code = failureOf(error);
      if (code === undefined) this.abandon();
      else this.world.record({ type: "schedule-done", call, outcome: "fail", code });
    }
  }

  /** The same again changes nothing. */
  async #setAgain(engine: StoredEngine, schedule: string): Promise<void> {
    const name = engineName(schedule);
    try {
      const next = await engine.schedule(this.world.address(name), name, planOf(schedule, this.#everySeconds));
      this.world.record({ type: "schedule-again", schedule, next });
    } catch (error) {
      failureOf(error);
    }
  }

  async #remove(engine: StoredEngine, schedule: string): Promise<void> {
    const name = engineName(schedule);
    const call = this.world.nextCall();
    this.world.record({ type: "unschedule", call, schedule });
    try {
      await engine.unschedule(this.world.address(name), name);
      this.owned = undefined;
      this.world.record({ type: "unschedule-done", call, outcome: "ok" });
    } catch (error) {
      const code = failureOf(error);
      if (code === undefined) this.abandon();
      else this.world.record({ type: "unschedule-done", call, outcome: "fail", code });
    }
  }
}

/** Its message says which schedule it is of. */
const planOf = (schedule: string, everySeconds: number) => ({
  cron: everySeconds === 60 ? "* * * * *" : `*/${everySeconds} * * * * *`,
  timezone: "UTC",
  record: packLetters([{ id: "", chosenId: false, text: schedule, bodyBytes: schedule.length }]),
});
