import fc from "fast-check";
import { expect } from "vitest";
import type { Harness } from "../../packages/server/src/engines/conformance/harness.js";
import type { Seen } from "../../packages/server/src/engines/conformance/messages.js";
import { type Command, listed, pick, type Weighted } from "./command.js";
import type { ModelMessage } from "./message.js";
import type { QueueModel } from "./queue-model.js";
import { compare, lettersOf, pastOf, QUEUE } from "./world.js";

class Purge implements Command {
  check = (): boolean => true;
  toString = (): string => "purge";
  async run(model: QueueModel, real: Harness): Promise<void> {
    const live = model.live;
    expect(await real.engine.purge(real.address(QUEUE)), "G1: purged").toBe(live.length);
    model.purge();
    model.tell(`purged: ${listed(live.map(({ name }) => name))}`);
    await compare(model, real);
  }
}

class Pause implements Command {
  check = ({ paused }: QueueModel): boolean => !paused;
  toString = (): string => "pause";
  async run(model: QueueModel, real: Harness): Promise<void> {
    await pause(model, real);
    await compare(model, real);
  }
}

export async function pause(model: QueueModel, real: Harness): Promise<void> {
  await real.engine.pause(real.address(QUEUE));
  model.pause();
  model.tell("paused");
}

class Resume implements Command {
  check = ({ paused }: QueueModel): boolean => paused;
  toString = (): string => "resume";
  async run(model: QueueModel, real: Harness): Promise<void> {
    await resume(model, real);
    await compare(model, real);
  }
}

export async function resume(model: QueueModel, real: Harness): Promise<void> {
  await real.engine.resume(real.address(QUEUE));
  model.paused = false;
  model.tell("resumed");
}

/** A dead letter, and the model's message for it. */
interface Letter {
  readonly seen: Seen;
  readonly message: ModelMessage;
}

async function letters(model: QueueModel, real: Harness): Promise<Letter[]> {
  return (await lettersOf(real)).map((seen) => {
    const message = model.in("dead").find(({ sequence }) => sequence === pastOf(seen).sequence);
    if (message === undefined) throw new Error(`${seen.body} is dead, and not in the model`);
    return { seen, message };
  });
}

class Redrive implements Command {
  constructor(readonly all: boolean) {}
  check = (model: QueueModel): boolean => model.in("dead").length > 0;
  toString = (): string => (this.all ? "redrive" : "redrive every other id");
  async run(model: QueueModel, real: Harness): Promise<void> {
    const there = await letters(model, real);
    const ids = new Set(there.filter((_, index) => this.all || index % 2 === 0).map(({ seen }) => seen.id));
    const chosen = there.filter(({ seen }) => ids.has(seen.id));
    const before = model.lastSequence;
    expect(await real.engine.redrive(real.address(QUEUE), this.all ? undefined : [...ids]), "redriven").toBe(chosen.length);
    const back = (await real.scan(QUEUE)).filter(({ sequence }) => sequence > before);
    expect(
      back.map(({ id, body, history }) => ({ id, body, history })),
      "D1: letters come back in their order, with their ids",
    ).toEqual(chosen.map(({ seen: { id, body } }) => ({ id, body, history: undefined })));
    for (const [index, { message }] of chosen.entries()) model.redrive(message, back[index]?.sequence ?? 0);
    model.tell(`redriven: ${listed(chosen.map(({ message }, index) => `${message.name} is ${back[index]?.sequence}`))}`);
    await compare(model, real);
  }
}

class PurgeDeadLetters implements Command {
  check = (model: QueueModel): boolean => model.in("dead").length > 0;
  toString = (): string => "purge the dead letters";
  async run(model: QueueModel, real: Harness): Promise<void> {
    const there = model.in("dead");
    expect(await real.engine.purgeDeadLetters(real.address(QUEUE)), "purged dead letters").toBe(there.length);
    for (const message of there) message.state = "discarded";
    model.tell(`dead letters purged: ${listed(there.map(({ name }) => name))}`);
    await compare(model, real);
  }
}

class Unblock implements Command {
  constructor(
    readonly choice: number,
    readonly action: "skip" | "retry",
  ) {}
  check = ({ options }: QueueModel): boolean => options.poison === "block";
  toString = (): string => `${this.action} key ${this.choice} of those blocked`;
  async run(model: QueueModel, real: Harness): Promise<void> {
    const blocked = model.heads().filter(({ state }) => state === "blocked");
    const message = pick(blocked, this.choice);
    const key = message === undefined ? "a" : (message.key ?? "");
    const outcome = await real.engine.unblock(real.address(QUEUE), key, this.action).then(
      () => "ok",
      (error: unknown) => String(Object(error).code),
    );
    expect(outcome, `O3: ${this.action} of key ${key}`).toBe(message === undefined ? "NOT_FOUND" : "ok");
    if (message !== undefined) model.unblock(message, this.action);
    model.tell(message === undefined ? `${this.action} in vain: no key is blocked` : `${this.action} of key ${key}: ${message.name}`);
    await compare(model, real);
  }
}

const unblock = fc
  .tuple(fc.integer({ min: 0, max: 2 }), fc.constantFrom("skip" as const, "retry" as const))
  .map(([choice, action]) => new Unblock(choice, action));

/** What people do to a queue. */
export const upkeepCommands: Weighted[] = [
  { weight: 1, arbitrary: fc.constant(new Purge()) },
  { weight: 1, arbitrary: fc.constant(new Pause()) },
  { weight: 6, arbitrary: fc.constant(new Resume()) },
  { weight: 3, arbitrary: fc.boolean().map((all) => new Redrive(all)) },
  { weight: 1, arbitrary: fc.constant(new PurgeDeadLetters()) },
  { weight: 6, arbitrary: unblock },
];
