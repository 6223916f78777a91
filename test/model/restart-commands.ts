import fc from "fast-check";
import { expect } from "vitest";
import type { Restart } from "../../packages/server/src/engines/conformance/engine-host.js";
import type { Harness } from "../../packages/server/src/engines/conformance/harness.js";
import { turn } from "../../packages/server/src/engines/conformance/manual-clock.js";
import type { Fate } from "../../packages/server/src/engines/conformance/messages.js";
import { type Command, listed, type Weighted } from "./command.js";
import { attach } from "./consume-commands.js";
import type { ModelMessage } from "./message.js";
import { type Numbered, nextNumbers, noteProduced, produce, send, someKeys } from "./publish-commands.js";
import type { QueueModel } from "./queue-model.js";
import { attemptsOfAll, recover, type Whereabouts } from "./recovery.js";
import { compare } from "./world.js";

class RestartEngine implements Command {
  constructor(readonly way: Restart) {}
  check = (): boolean => true;
  toString = (): string => (this.way === "crash" ? "crash" : "close and open");
  async run(model: QueueModel, real: Harness): Promise<void> {
    const before = model.consumers.map(({ maxInFlight }) => maxInFlight);
    model.tell(this.way === "crash" ? "crash" : "closed and opened again");
    await real.restart(this.way);
    await recover(model, real, this.way);
    await compare(model, real);
    for (const maxInFlight of before) await attach(model, real, maxInFlight);
  }
}

/** What was heard before a crash; of the rest nobody knows whether it happened. */
interface Answers {
  fates: readonly Fate[] | undefined;
  settled: boolean;
}

/** The engine crashes while a publish and acks are under way; then the producer sends again what it has no receipt for. */
class CrashMidway implements Command {
  constructor(
    readonly keys: readonly string[],
    readonly acks: number,
    readonly turns: number,
  ) {}
  check = (): boolean => true;
  toString = (): string => `crash ${this.turns} turns into publishing of ${this.keys.join(" ")} and acking ${this.acks}`;

  async run(model: QueueModel, real: Harness): Promise<void> {
    const before = model.consumers.map(({ maxInFlight }) => maxInFlight);
    const numbered = nextNumbers(model, this.keys);
    const acking = model.inFlight.slice(0, this.acks);
    const answers = begin(model, real, numbered, acking);
    for (let left = this.turns; left > 0; left--) await turn();
    // What is answered after this moment was not heard by anybody.
    const { fates, settled } = { ...answers };
    await real.restart("crash");
    const there = await attemptsOfAll(real);
    if (fates !== undefined) noteProduced(model, numbered.messages, fates);
    else noteUnheard(model, numbered, there);
    model.markAhead();
    const acked = acking.filter(({ sequence }) => !there.has(sequence));
    if (settled) expect(acked, "L3: what was acked").toEqual(acking);
    for (const message of acked) model.ack(message);
    model.tell(`crash while ${listed(acking.map(({ name }) => name))} were acked; on disk: ${listed(acked.map(({ name }) => name))}`);
    model.markAhead();
    await recover(model, real, "crash");
    if (fates === undefined) await produce(model, real, numbered);
    await compare(model, real);
    for (const maxInFlight of before) await attach(model, real, maxInFlight);
  }
}

function begin(model: QueueModel, real: Harness, numbered: Numbered, acking: readonly ModelMessage[]): Answers {
  const answers: Answers = { fates: undefined, settled: false };
  const ignore = (): void => {};
  send(model, real, numbered).then((fates) => {
    answers.fates = fates;
  }, ignore);
  const settles = acking.map(({ lease }) =>
    lease === undefined ? undefined : real.settle(lease.consumer.number, { first: lease.number, count: 1, verb: "ack" }),
  );
  Promise.all(settles).then(() => {
    answers.settled = true;
  }, ignore);
  return answers;
}

/** Of a publish without receipts everything is there that the limits let in, or nothing. */
function noteUnheard(model: QueueModel, { messages }: Numbered, there: Whereabouts): void {
  const sequences = messages.map(({ body }) => there.sequenceOf(body));
  if (sequences.every((sequence) => sequence === undefined)) {
    model.tell(`published without a receipt, and lost: ${listed(messages.map(({ body }) => body))}`);
    return;
  }
  const refused = sequences.indexOf(undefined);
  const stored = refused === -1 ? messages : messages.slice(0, refused);
  expect(sequences.slice(stored.length), "a publish in one request is stored whole as far as there is room").toEqual(
    messages.slice(stored.length).map(() => undefined),
  );
  const fates = messages.map((_, index): Fate => {
    if (index > stored.length) return { sequence: 0, duplicate: false, error: "PRODUCER_GAP" };
    const sequence = sequences[index];
    return sequence === undefined ? { sequence: 0, duplicate: false, error: "QUEUE_FULL" } : { sequence, duplicate: false };
  });
  model.tell("published without a receipt, and found:");
  noteProduced(model, messages, fates);
}

/** The ends of life that the engine supports. */
export function restartCommands(ways: readonly Restart[]): Weighted[] {
  const commands: Weighted[] = ways.map((way) => ({ weight: 1, arbitrary: fc.constant(new RestartEngine(way)) }));
  if (ways.includes("crash")) {
    const midway = fc.tuple(someKeys, fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 12 }));
    commands.push({ weight: 2, arbitrary: midway.map(([keys, acks, turns]) => new CrashMidway(keys, acks, turns)) });
  }
  return commands;
}
