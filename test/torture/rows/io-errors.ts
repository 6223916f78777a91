import { injecting, whyNoStrace } from "../../crash/strace.js";
import type { RoundResult } from "../round.js";
import { Rounds } from "../rounds.js";
import { type Row, scaled } from "../row.js";
import { MIXED_QUEUES, populate } from "./kill.js";

const FAULTS = 200;
const FAULTS_PER_ROUND = 8;
const LIFE_MS = 3_000;
const STOP_MS_MAX = 1_000;
/** Calls of the journal and of the directory that fail, and how many succeed before, at most. */
const CALLS = [
  { call: "fdatasync", most: 200 },
  { call: "pwrite64", most: 200 },
  { call: "fsync", most: 5 },
] as const;

export const ioErrors: Row = {
  number: 5,
  title: "I/O errors",
  method:
    "`strace` makes a sync or a write of the server fail with EIO, once or from then on for good, under the load of row 1; then the server is killed and started on a healthy disk.",
  target: "Publishes stop within 1 s, 0 false receipts, unknowns marked, 0 exits",
  fullMinutes: 20,
  missing: whyNoStrace,
  async run(context) {
    const { random } = context;
    const faults = scaled(FAULTS, context.scale);
    const rounds = new Rounds(context);
    let [done, slowestMs] = [0, 0];
    while (done < faults && !rounds.failed) {
      const faultsNow: Fault[] = [];
      const result = await rounds.run({ queues: MIXED_QUEUES }, async (round) => {
        await populate(round);
        await round.kill();
        for (let life = 0; life < FAULTS_PER_ROUND && done < faults; life++) {
          const { call, most } = random.pick([CALLS[0], CALLS[0], CALLS[1], CALLS[2]]);
          const stays = random.chance(0.5);
          const exited = await round.liveAndDie(injecting(call, "error=EIO", `${1 + random.below(most)}${stays ? "+" : ""}`), LIFE_MS);
          // Without syncs there are no receipts; without the other calls there may be for a while, as long as none is needed.
          faultsNow.push({ call, exited, stops: stays && call === "fdatasync" });
          context.progress(`${++done} of ${faults} faults`);
        }
        await round.start();
      });
      if (result === undefined) break;
      for (const [number, fault] of faultsNow.entries()) {
        const { stopMs, served } = behaviour(result, number);
        // Who cannot open a store at the start says so and ends.
        if (fault.exited && served) rounds.failures.push(`the server ended after ${fault.call} failed`);
        if (fault.stops) slowestMs = Math.max(slowestMs, stopMs);
      }
    }
    if (slowestMs > STOP_MS_MAX) rounds.failures.push(`a server gave receipts for ${slowestMs} ms after one was unknown`);
    rounds.expectAtLeast({ unknown: done, published: 5 * done });
    const { published, unknown } = rounds.counts;
    const figure = `${done} faults, last receipt ${slowestMs} ms after the first unknown one, ${published} published, ${unknown} calls of unknown outcome`;
    return rounds.result(figure, done >= FAULTS);
  },
};

interface Fault {
  readonly call: string;
  readonly exited: boolean;
  /** Whether nothing can be stored any more. */
  readonly stops: boolean;
}

/** What the process with a fault did: how long it gave receipts after it had said that its store had failed, and whether it gave any. */
function behaviour({ history, startsMs, failuresMs }: RoundResult, fault: number): { readonly stopMs: number; readonly served: boolean } {
  // The first process is healthy.
  const [from, to] = [startsMs[fault + 1] ?? 0, startsMs[fault + 2] ?? Number.POSITIVE_INFINITY];
  const failed = Math.min(...failuresMs.filter((ms) => ms > from && ms < to));
  const receipts = history.filter(
    ({ type, at, ...event }) => type === "publish-done" && at > from && at < to && "outcome" in event && event.outcome === "ok",
  );
  const last = receipts.at(-1)?.at;
  return { stopMs: last === undefined ? 0 : Math.max(0, Math.round(last - failed)), served: last !== undefined };
}
