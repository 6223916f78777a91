import { injecting, whyNoStrace } from "../../crash/strace.js";
import type { Random } from "../../simulation/random.js";
import { Rounds } from "../rounds.js";
import { type Row, scaled } from "../row.js";
import { MIXED_QUEUES, populate } from "./kill.js";

const KILLS = 500;
const KILLS_PER_ROUND = 12;
const LIFE_MS_MAX = 10_000;

/** Calls that change what is stored, and how many of them a life has at most before it is killed. */
interface CallPoint {
  readonly call: string;
  readonly most: number;
}
const CALLS: readonly CallPoint[] = [
  { call: "fdatasync", most: 300 },
  { call: "fdatasync", most: 30 },
  { call: "pwrite64", most: 300 },
  { call: "pwrite64", most: 30 },
];
const RARE_CALLS: readonly CallPoint[] = [
  { call: "write", most: 100 },
  { call: "fsync", most: 4 },
  { call: "rename", most: 4 },
  { call: "unlink", most: 4 },
  { call: "ftruncate", most: 1 },
];

/** A point to kill at: mostly a sync or a write of the journal. */
function choosePoint(random: Random): { readonly call: string; readonly number: number } {
  const { call, most } = random.any(random.chance(0.8) ? CALLS : RARE_CALLS) ?? { call: "fdatasync", most: 1 };
  return { call, number: 1 + random.below(most) };
}

export const killAtCall: Row = {
  number: 2,
  title: "Kill at each `fdatasync` and `pwrite64`",
  method: "As row 1, but `strace` kills the server when it enters a chosen system call that writes, syncs, renames or removes.",
  target: "500 points: 0 lost, unexpected, reordered, phantom",
  fullMinutes: 25,
  missing: whyNoStrace,
  async run(context) {
    const { random } = context;
    const kills = scaled(KILLS, context.scale);
    const rounds = new Rounds(context);
    const points = new Set<string>();
    let done = 0;
    while (done < kills && !rounds.failed) {
      await rounds.run({ queues: MIXED_QUEUES }, async (round) => {
        await populate(round);
        await round.kill();
        for (let life = 0; life < KILLS_PER_ROUND && done < kills; life++) {
          const { call, number } = choosePoint(random);
          if (!(await round.liveAndDie(injecting(call, "signal=KILL", String(number)), LIFE_MS_MAX))) continue;
          points.add(`${call} ${number}`);
          context.progress(`${++done} of ${kills} kills`);
        }
        await round.start();
      });
    }
    rounds.expectAtLeast({ crashesInFlight: 0.2 * done, redeliveries: done, published: 10 * done });
    const { published, acked, redeliveries } = rounds.counts;
    const figure = `${done} kills at ${points.size} points, ${published} published, ${acked} acked, ${redeliveries} redelivered`;
    return rounds.result(figure, done >= KILLS);
  },
};
