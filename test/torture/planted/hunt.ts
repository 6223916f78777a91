import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { ViolationKind } from "../../simulation/checker.js";
import { shareOut } from "../../simulation/workers.js";
import { employAll } from "../power/employ.js";
import { record } from "../power/recording.js";
import { queueOf } from "../queues.js";
import { populateRooms, ROOMS } from "../rooms.js";
import { Round } from "../round.js";
import type { RowContext } from "../row.js";
import type { CaughtBy } from "./bug.js";
import type { SourceCopy } from "./source-copy.js";

const SEEDS_MAX = 300;
const SEEDS_PER_TASK = 3;
const OPERATIONS = 600;
const SIMULATION_MS_MAX = 600_000;
const ROUNDS_MAX = 2;
const HOARD = 40;
const HOLD_MS = 30_000;
const CONFORMANCE = "packages/server/src/engines/memory/memory-engine.test.ts";
const RECORD_MS = 1_500;
const RECORDINGS_MAX = 3;
const IMAGES_PER_MOMENT = 3;
/** Of so many moments one is looked at: what a bug leaves shows at many of them. */
const THINNING = 2;

/** What came of a hunt. */
export interface Catch {
  /** What was looked for was found. */
  readonly caught: boolean;
  /** Everything that was found, by kind; nothing where nothing is planted. */
  readonly found: readonly string[];
  /** How much was looked at: seeds, rounds or recordings. */
  readonly effort: number;
}

/** Runs the harness on what a copy of the sources is now, until it finds what it is to find, or has looked at enough. */
export class Hunt {
  readonly #copy: SourceCopy;
  readonly #context: RowContext;
  #runs = 0;

  constructor(copy: SourceCopy, context: RowContext) {
    this.#copy = copy;
    this.#context = context;
  }

  /** @param effortMax looks at no more than that */
  run(wanted: CaughtBy, effortMax?: number): Promise<Catch> {
    switch (wanted.by) {
      case "simulation":
        return this.#simulate(wanted.kinds, effortMax ?? SEEDS_MAX);
      case "kills":
        return this.#kill(wanted.kinds, effortMax ?? ROUNDS_MAX);
      case "conformance":
        return this.#conform(wanted.fails);
      case "power":
        return this.#losePower(wanted.finds, effortMax ?? RECORDINGS_MAX);
      default:
        return wanted satisfies never;
    }
  }

  async #simulate(kinds: readonly ViolationKind[], seeds: number): Promise<Catch> {
    const { simulation } = await this.#copy.buildTests();
    const found = new Set<string>();
    let effort = 0;
    const isCaught = (): boolean => kinds.some((kind) => found.has(kind));
    const share = {
      ...{ first: 1, seeds, operations: OPERATIONS, seedsPerTask: SEEDS_PER_TASK, workers: availableParallelism() },
      ...{ program: simulation, enough: isCaught, signal: AbortSignal.timeout(SIMULATION_MS_MAX) },
    };
    try {
      await shareOut(share, (done) => {
        effort += done.totals.seeds;
        for (const { violations, error } of done.failed) {
          for (const { kind } of violations) found.add(kind);
          if (error !== undefined) found.add(`an error, ${error.split("\n")[0]}`);
        }
      });
    } catch (error) {
      found.add(`no end, ${error instanceof Error ? error.message : String(error)}`);
    }
    return { caught: isCaught(), found: [...found], effort };
  }

  async #kill(kinds: readonly ViolationKind[], rounds: number): Promise<Catch> {
    const program = await this.#copy.buildServer();
    const found = new Set<string>();
    const isCaught = (): boolean => kinds.some((kind) => found.has(kind));
    let effort = 0;
    while (effort < rounds && !isCaught()) {
      effort++;
      for (const kind of await this.#round(program)) found.add(kind);
    }
    return { caught: isCaught(), found: [...found], effort };
  }

  /**
   * A consumer holds deliveries as the server is killed, and settles them in the next life, with those that it was given there;
   * meanwhile devices of rooms come and go.
   */
  async #round(program: string): Promise<string[]> {
    const queues = [queueOf("orders", { leaseMs: HOLD_MS })];
    const seed = this.#context.random.below(2 ** 31);
    const round = await Round.begin({ directory: this.#directory(), seed, queues, rooms: ROOMS, program });
    try {
      const publisher = { queue: "orders", window: 2, batchMax: 5, pauseMs: 5, times: 1, keys: 0, bodyBytesMax: 200 };
      const consumer = { queue: "orders", maxInFlight: HOARD, verbs: { ack: 1 }, workMsMax: 1, hoards: true };
      await round.client({ name: "ann", publisher });
      await populateRooms(round);
      const zombie = await round.client({ name: "zombie", consumer });
      const holds = (count: number): Promise<void> =>
        new Promise((resolve) => void zombie.on("hoard", (word) => (word.count >= count ? resolve() : undefined)));
      await holds(HOARD);
      await round.kill();
      const more = holds(2 * HOARD);
      await round.start();
      await more;
      const settled = zombie.says("settled");
      zombie.tell("settle");
      await settled;
      const { violations } = await round.finish();
      return violations.map(({ kind }) => kind);
    } finally {
      await round.dispose();
    }
  }

  async #conform(fails: RegExp): Promise<Catch> {
    const failing = await this.#copy.failingCases(CONFORMANCE);
    return { caught: failing.some((name) => fails.test(name)), found: failing, effort: 1 };
  }

  async #losePower(finds: RegExp, recordings: number): Promise<Catch> {
    const program = await this.#copy.buildServer();
    const { images } = await this.#copy.buildTests();
    const found: string[] = [];
    let [effort, caught] = [0, false];
    while (effort < recordings && !caught) {
      // What only shows when a file of the journal is full may take longer.
      const ms = RECORD_MS * 2 ** effort++;
      const seed = (): number => this.#context.random.below(2 ** 31);
      const recording = await record({ directory: this.#directory(), seed: seed(), ms, program });
      const task = { recording, seed, thinning: THINNING, imagesPerMoment: IMAGES_PER_MOMENT };
      const failures = (await employAll(task, () => undefined, images)).flatMap((done) => done.failures);
      found.push(...failures);
      caught = failures.some((failure) => finds.test(failure));
    }
    return { caught, found, effort };
  }

  #directory(): string {
    const directory = join(this.#context.directory, `run-${++this.#runs}`);
    mkdirSync(directory);
    return directory;
  }
}
