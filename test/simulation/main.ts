import { availableParallelism } from "node:os";
import { program } from "commander";
import { integer } from "../integer-option.js";
import { Progress } from "../progress.js";
import { check } from "./checker.js";
import type { Judged } from "./judge.js";
import { linesOf } from "./print.js";
import { simulate } from "./simulate.js";
import { add, newTotals } from "./totals.js";
import { shareOut } from "./workers.js";

const VIOLATIONS_SHOWN = 5;
const FAILURES_SHOWN = 10;

interface Options {
  readonly seeds: number;
  readonly first: number;
  readonly operations: number;
  readonly workers: number;
  readonly seed?: number;
  readonly print?: true;
}

function showFailure({ seed, violations, error }: Judged, operations: number): void {
  console.error(`\nseed ${seed} failed: npm run simulate -- --seed ${seed} --operations ${operations} --print`);
  for (const { message } of violations.slice(0, VIOLATIONS_SHOWN)) console.error(`  ${message}`);
  if (violations.length > VIOLATIONS_SHOWN) console.error(`  and ${violations.length - VIOLATIONS_SHOWN} more`);
  if (error !== undefined) console.error(`  ${error}`);
}

async function runMany({ seeds, first, operations, workers }: Options): Promise<void> {
  const totals = newTotals();
  const start = performance.now();
  const progress = new Progress();
  let shown = 0;
  await shareOut({ first, seeds, operations, workers }, (done) => {
    add(totals, done.totals);
    for (const failed of done.failed) if (++shown <= FAILURES_SHOWN) showFailure(failed, operations);
    progress.tell(`${totals.seeds} of ${seeds} seeds, ${totals.failures} failed`);
  });
  progress.clear();
  const { counts } = totals;
  const seconds = (performance.now() - start) / 1_000;
  const rows = {
    seeds: totals.seeds,
    operations: totals.seeds * operations,
    events: totals.events,
    published: counts.published,
    acked: counts.acked,
    crashes: counts.crashes,
    "crashes in flight": counts.crashesInFlight,
    redeliveries: counts.redeliveries,
    expiries: counts.expiries,
    "stale settles": counts.staleSettles,
    duplicates: counts.duplicates,
    "unknown outcomes": counts.unknown,
    "dead letters": counts.deadLetters,
    purged: counts.purged,
    redriven: counts.redriven,
    emitted: counts.emitted,
    "heard by devices": counts.heard,
    "heard again": counts.heardAgain,
    gaps: counts.gaps,
    "rooms removed": counts.roomsRemoved,
    "by schedules": counts.chimes,
    answers: counts.answers,
    "duration, s": Math.round(seconds * 10) / 10,
    "seeds per second": Math.round((totals.seeds / seconds) * 10) / 10,
    failures: totals.failures,
  };
  for (const [what, value] of Object.entries(rows)) console.log(`${what.padEnd(18)} ${value.toLocaleString("en-US")}`);
  if (totals.failures > 0) process.exitCode = 1;
}

async function runOne(seed: number, { operations, print }: Options): Promise<void> {
  const history = await simulate(seed, operations);
  if (print) for (const line of linesOf(history)) console.log(line);
  const violations = check(history);
  for (const { message } of violations) console.error(message);
  console.error(`seed ${seed}: ${history.length} events, ${violations.length} violations`);
  if (violations.length > 0) process.exitCode = 1;
}

program
  .name("npm run simulate --")
  .description("Runs the engine under many seeds, with crashes and failures, and judges what happened.")
  .option("--seeds <n>", "how many seeds", integer(1), 1_000)
  .option("--first <n>", "the first seed", integer(0), 1)
  .option("--operations <n>", "operations of a seed", integer(1), 1_000)
  .option("--workers <n>", "processes that share the seeds", integer(1), availableParallelism())
  .option("--seed <n>", "one seed alone", integer(0))
  .option("--print", "with --seed: print its history")
  .action((options: Options) => (options.seed === undefined ? runMany(options) : runOne(options.seed, options)));

await program.parseAsync();
