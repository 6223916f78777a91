import { rmSync } from "node:fs";
import { join } from "node:path";
import { type InjectedCall, injectedCalls, injecting, whyNoStrace } from "../../crash/strace.js";
import type { Random } from "../../simulation/random.js";
import { type Aftermath, aftermathOf, type Span, spansOf } from "../aftermath.js";
import { Breakdown } from "../breakdown.js";
import type { HistoryLine } from "../history-file.js";
import { levelFiles } from "../level-files.js";
import { Rounds } from "../rounds.js";
import { type Row, scaled } from "../row.js";
import { MIXED_QUEUES, populate } from "./kill.js";

const FAULTS = 200;
const LIVES_PER_ROUND = 8;
const LIFE_MS = 5_000;
/** Not every life comes to its fault; when so many in turn do not, something is wrong. */
const MISSES_MAX = 12;
const STOP_MS_MAX = 1_000;
const SLOW_MS = 250;
const NS_PER_MS = 1e6;
/** Of faults after which somebody should be told, so many may hit what nobody waits for. */
const UNTOLD_PART_MAX = 0.5;

/** What is done to a call, and how many of its kind succeed before, at most. */
interface Kind {
  readonly call: string;
  readonly what: string;
  readonly most: number;
  /** Only the files of LevelDB: others are written by `write` that are none, such as sockets. */
  readonly level?: boolean;
}
const EIO = "error=EIO";
const SYNC_FAILS: Kind = { call: "fdatasync", what: EIO, most: 40 };
const KINDS: readonly [Kind, ...Kind[]] = [
  SYNC_FAILS,
  SYNC_FAILS,
  SYNC_FAILS,
  { call: "pwrite64", what: EIO, most: 40 },
  { call: "pwrite64", what: EIO, most: 40 },
  { call: "fsync", what: EIO, most: 5 },
  { call: "write", what: EIO, most: 20, level: true },
  { call: "fdatasync", what: `delay_enter=${SLOW_MS * 1_000}`, most: 40 },
];

/** A process of the server in which something fails. */
interface Life {
  readonly kind: Kind;
  /** Once, or from then on for good. */
  readonly lasting: boolean;
  readonly log: string;
  readonly exited: boolean;
}

const isJournal = ({ file }: InjectedCall): boolean => /\/journal-[ab]$/.test(file);

interface Choice {
  readonly kind: Kind;
  readonly lasting: boolean;
  readonly number: number;
}

function chooseFault(random: Random): Choice {
  const kind = random.pick(KINDS);
  return { kind, lasting: random.chance(0.5), number: 1 + random.below(kind.most) };
}

/** What matters most, and after the syncs of a start; the smallest run has it. */
const syncsFail = (random: Random): Choice => ({ kind: SYNC_FAILS, lasting: true, number: 10 + random.below(20) });

/** Judges what servers did after faults. */
class Faults {
  readonly failures: string[] = [];
  /** See `RowResult`. */
  readonly late: string[] = [];
  readonly #kinds = new Breakdown();
  done = 0;
  /** How many lives in turn did not come to their fault. */
  misses = 0;
  /** Of syncs of the journal: those that failed for good, and once. */
  lasting = 0;
  #passing = 0;
  #unknown = 0;
  #slowestMs = 0;
  #untold = 0;

  /** Judges a process by the lines of all, unless nothing happened to it. */
  async add({ kind, lasting, log, exited }: Life, { startNs, endNs }: Span, lines: readonly HistoryLine[], zeroMs: number): Promise<void> {
    const calls = await injectedCalls(log);
    rmSync(log);
    const [first] = calls;
    this.misses = first === undefined ? this.misses + 1 : 0;
    if (first === undefined) return;
    this.done++;
    const name = `${kind.call} ${kind.what === EIO ? "EIO" : "slow"}`;
    this.#kinds.add(name);
    const after = ({ atMs }: InjectedCall): Aftermath => aftermathOf(lines, (atMs - zeroMs) * NS_PER_MS, endNs);
    const served = lines.some((line) => line.ns > startNs && line.ns < endNs && line.type === "publish-done" && line.outcome === "ok");
    // Who cannot open a store at the start says so and ends.
    if (exited && served) this.failures.push(`the server ended after ${name} of ${first.file}`);
    if (kind.what !== EIO && after(first).told > 0)
      this.failures.push(`clients were told ${after(first).told} times that the store had failed, and its syncs were only slow`);
    const sync = kind === SYNC_FAILS ? calls.find(isJournal) : undefined;
    if (sync !== undefined && !exited) this.#addSync(lasting, after(sync));
  }

  #addSync(lasting: boolean, seen: Aftermath): void {
    if (seen.livedMs < STOP_MS_MAX) return;
    this.#unknown += seen.unknown;
    if (!lasting) {
      this.#passing++;
      if (seen.told === 0) this.#untold++;
      return;
    }
    this.lasting++;
    this.#slowestMs = Math.max(this.#slowestMs, seen.lastReceiptMs);
    if (seen.receiptsSince > 0)
      this.failures.push(`false receipts: ${seen.receiptsSince} of what was published when no sync could succeed any more`);
    if (seen.lastReceiptMs > STOP_MS_MAX) this.late.push(`a server gave receipts for ${seen.lastReceiptMs} ms after its syncs failed`);
    if (seen.published > 0 && seen.told === 0) this.failures.push("nobody was told that no sync could succeed any more");
  }

  end(): void {
    const syncs = this.lasting + this.#passing;
    if (this.#passing > 2 && this.#untold > this.#passing * UNTOLD_PART_MAX)
      this.failures.push(`nobody was told of ${this.#untold} of ${this.#passing} syncs that failed once`);
    if (this.#unknown < syncs)
      this.failures.push(`only ${this.#unknown} publishes were told to be of unknown outcome after ${syncs} failed syncs`);
  }

  get figure(): string {
    return `${this.done} faults${this.#kinds}; syncs of the journal failed ${this.lasting} times for good and ${this.#passing} times once: the last receipt that was on its way came ${this.#slowestMs} ms afterwards, ${this.#unknown} publishes were told to be of unknown outcome`;
  }
}

export const ioErrors: Row = {
  number: 5,
  title: "I/O errors",
  method:
    "Under the load of row 1 `strace` makes a sync or a write of the server fail with EIO, or syncs take 250 ms longer, once or from then on for good; then the server is killed and started on a healthy disk. A fault counts when `strace` says that it happened. After a sync of the journal that failed for good what is published later must get no receipt at all, receipts that were on their way must end within 1 s, and clients must be told; all of it from the moment of the failed call.",
  target: "Publishes stop within 1 s, 0 false receipts, unknowns marked, 0 exits",
  fullMinutes: 35,
  missing: whyNoStrace,
  async run(context) {
    const { random } = context;
    const wanted = scaled(FAULTS, context.scale);
    const rounds = new Rounds(context);
    const faults = new Faults();
    while ((faults.done < wanted || faults.lasting === 0) && !rounds.failed && faults.failures.length === 0) {
      const lives: Life[] = [];
      let zeroMs = 0;
      const result = await rounds.run({ queues: MIXED_QUEUES }, async (round) => {
        ({ zeroMs } = round);
        await populate(round);
        await round.kill();
        while (lives.length < Math.max(1, Math.min(LIVES_PER_ROUND, wanted - faults.done))) {
          const { kind, lasting, number } = faults.lasting === 0 && lives.length === 0 ? syncsFail(random) : chooseFault(random);
          const { call, what, level } = kind;
          const log = join(context.directory, `calls-${lives.length}`);
          const when = `${number}${lasting ? "+" : ""}`;
          const wrapper = injecting(call, what, { when, log, ...(level && { paths: levelFiles(round.data) }) });
          lives.push({ kind, lasting, log, exited: (await round.liveAndDie(wrapper, LIFE_MS)) !== "lived" });
          context.progress(`${faults.done} of ${wanted} faults, and ${lives.length} lives more`);
        }
        await round.start();
      });
      if (result === undefined) break;
      // The first process is healthy.
      const spans = spansOf(result.lines).slice(1);
      for (const [number, life] of lives.entries()) await faults.add(life, spans[number] ?? { startNs: 0, endNs: 0 }, result.lines, zeroMs);
      if (faults.misses > MISSES_MAX || (faults.lasting === 0 && faults.done > wanted + MISSES_MAX))
        faults.failures.push(`vacuous: ${faults.misses} lives in turn without a fault, ${faults.lasting} syncs that failed for good`);
    }
    faults.end();
    rounds.failures.push(...faults.failures);
    rounds.late.push(...faults.late);
    rounds.expectAtLeast({ published: 5 * faults.done });
    return rounds.result(`${faults.figure}; ${rounds.counts.published} published`, faults.done >= FAULTS);
  },
};
