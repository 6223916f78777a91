import fc from "fast-check";
import { expect } from "vitest";
import type { Restart } from "../../packages/server/src/engines/conformance/engine-host.js";
import type { Harness } from "../../packages/server/src/engines/conformance/harness.js";
import { turn } from "../../packages/server/src/engines/conformance/manual-clock.js";
import { attach } from "./consume-commands.js";
import { type Command, nextNumbers, noteProduced, oldestOpen, PRODUCER, produce, type Weighted } from "./publish-commands.js";
import type { ModelConsumer, ModelMessage, QueueModel } from "./queue-model.js";
import { compare, DEAD, QUEUE } from "./world.js";

class RestartEngine implements Command {
  constructor(readonly way: Restart) {}
  check = (): boolean => true;
  toString = (): string => (this.way === "crash" ? "crash" : "close and open");
  async run(model: QueueModel, real: Harness): Promise<void> {
    await real.restart(this.way);
    if (this.way === "crash") await recovered(model, real);
    const before = model.consumers;
    model.restart(this.way === "reopen", real.clock.now(), await countedAhead(model, real));
    await compare(model, real);
    await comeBack(model, real, before);
  }
}

/** The consumers of the life before attach again. */
async function comeBack(model: QueueModel, real: Harness, before: readonly ModelConsumer[]): Promise<void> {
  for (const { maxInFlight } of before) await attach(model, real, maxInFlight);
}

/** Everything there is in the queue and the dead letters, with its attempts. */
async function attemptsOfAll(real: Harness): Promise<Map<string, number>> {
  const dead = real.engine.options(real.address(DEAD)) === undefined ? [] : await real.scan(DEAD);
  const attempts = new Map((await real.scan(QUEUE)).map(({ body, attempts }) => [String(body), attempts]));
  for (const { body, history } of dead) attempts.set(String(body), Number(Object(history).attempts));
  return attempts;
}

/** Waits until what was in flight at a crash counts; an engine may leave that until a consumer comes. */
async function recovered(model: QueueModel, real: Harness): Promise<void> {
  const inFlight = [...model.messages.values()].filter(({ lease }) => lease !== undefined);
  const visitor = await real.attach(QUEUE, 1);
  await real.until(`an attempt counted for ${inFlight.map(({ name }) => name).join(" ")}`, async () => {
    const attempts = await attemptsOfAll(real);
    return inFlight.every((message) => attempts.get(message.name) === message.attempts + 1);
  });
  await real.engine.detach(visitor, false);
}

/** Messages that were never leased and count an attempt after a crash: see `QueueModel.restart`. */
async function countedAhead(model: QueueModel, real: Harness): Promise<string[]> {
  const attempts = await attemptsOfAll(real);
  const never = [...model.messages.values()].filter(({ leased }) => !leased);
  return never.filter(({ name, attempts: counted }) => (attempts.get(name) ?? 0) > counted).map(({ name }) => name);
}

/** What was answered before a crash; the rest is unknown. */
interface Answers {
  receipts: readonly { sequence: number; duplicate: boolean }[] | undefined;
  settled: boolean;
}

/** The engine crashes while a publish and acks are under way; then the producer sends again what it has no receipt for. */
class CrashMidway implements Command {
  constructor(
    readonly count: number,
    readonly acks: number,
    readonly turns: number,
  ) {}
  check = (): boolean => true;
  toString = (): string => `crash ${this.turns} turns into publishing ${this.count} and acking ${this.acks}`;

  async run(model: QueueModel, real: Harness): Promise<void> {
    const { bodies, firstNumber } = nextNumbers(model, this.count, 0);
    const acking = model.consumers.flatMap(({ held }) => [...held.values()]).slice(0, this.acks);
    const answers = this.#begin(model, real, bodies, firstNumber, acking);
    for (let left = this.turns; left > 0; left--) await turn();
    // What is answered after this moment was not heard by anybody.
    const { receipts, settled } = { ...answers };
    await real.restart("crash");
    if (receipts !== undefined) for (const [index, fate] of receipts.entries()) noteProduced(model, bodies[index] ?? "", fate);
    const kept = await attemptsOfAll(real);
    for (const message of acking) {
      if (settled) expect(kept.has(message.name), `L3: ${message.name} was acked`).toBe(false);
      if (!kept.has(message.name)) model.ack(message);
    }
    const stored = receipts === undefined && (await this.#resend(model, real, bodies, firstNumber, kept));
    await recovered(model, real);
    const before = model.consumers;
    model.restart(false, real.clock.now(), await countedAhead(model, real));
    if (!stored && receipts === undefined) await produce(model, real, bodies, firstNumber);
    await compare(model, real);
    await comeBack(model, real, before);
  }

  #begin(model: QueueModel, real: Harness, bodies: string[], firstNumber: number, acking: readonly ModelMessage[]): Answers {
    const answers: Answers = { receipts: undefined, settled: false };
    const publish = real.produce(QUEUE, { id: PRODUCER, firstNumber, oldestOpen: oldestOpen(model) }, ...bodies);
    publish.then(
      (fates) => {
        answers.receipts = fates;
      },
      () => {},
    );
    const settles = acking.map(({ lease }) =>
      lease === undefined ? undefined : real.settle(lease.consumer.number, { first: lease.number, count: 1, verb: "ack" }),
    );
    Promise.all(settles).then(
      () => {
        answers.settled = true;
      },
      () => {},
    );
    return answers;
  }

  /** Whether the publish was stored is unknown. If it was, sent again, each message gives its first receipt. */
  async #resend(
    model: QueueModel,
    real: Harness,
    bodies: string[],
    firstNumber: number,
    kept: ReadonlyMap<string, number>,
  ): Promise<boolean> {
    const stored = bodies.filter((body) => kept.has(body));
    expect([0, bodies.length], "a publish in one request is stored whole or not at all").toContain(stored.length);
    if (stored.length === 0) return false;
    const fates = await real.produce(QUEUE, { id: PRODUCER, firstNumber, oldestOpen: oldestOpen(model) }, ...bodies);
    for (const [index, { sequence, duplicate }] of fates.entries()) {
      expect(duplicate, `${bodies[index]} was stored before the crash`).toBe(true);
      noteProduced(model, bodies[index] ?? "", { sequence, duplicate: false });
    }
    return true;
  }
}

/** The ends of life that the engine supports. */
export function restartCommands(ways: readonly Restart[]): Weighted[] {
  const commands: Weighted[] = ways.map((way) => ({ weight: 1, arbitrary: fc.constant(new RestartEngine(way)) }));
  if (ways.includes("crash")) {
    const midway = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 12 }));
    commands.push({ weight: 1, arbitrary: midway.map(([count, acks, turns]) => new CrashMidway(count, acks, turns)) });
  }
  return commands;
}
