import { injecting, whyNoStrace } from "../../crash/strace.js";
import type { Random } from "../../simulation/random.js";
import { Rounds } from "../rounds.js";
import { type Row, scaled } from "../row.js";
import { MIXED_QUEUES, populate } from "./kill.js";

const POINTS = 500;
const LIVES_PER_ROUND = 12;
const LIFE_MS_MAX = 10_000;

/** Calls that change what is stored, and how many of them a life surely has before it is killed, about. */
const CALLS: readonly { readonly call: string; readonly most: number }[] = [
  { call: "fdatasync", most: 300 },
  { call: "pwrite64", most: 300 },
  { call: "write", most: 100 },
  { call: "fsync", most: 4 },
  { call: "rename", most: 4 },
  { call: "unlink", most: 4 },
  { call: "ftruncate", most: 1 },
];
/** A point that is not reached is tried again, but not for ever: not every life calls everything so often. */
const MISSES_MAX = 300;

interface Point {
  readonly call: string;
  /** Of the calls of a thread, the how manieth. */
  readonly number: number;
}

/** Points to kill at, each once, in an order of chance. */
function allPoints(random: Random): Point[] {
  const points = CALLS.flatMap(({ call, most }) => Array.from({ length: most }, (_, index) => ({ call, number: index + 1 })));
  for (let at = points.length - 1; at > 0; at--) {
    const other = random.below(at + 1);
    const [a, b] = [points[at], points[other]];
    if (a !== undefined && b !== undefined) [points[at], points[other]] = [b, a];
  }
  return points;
}

export const killAtCall: Row = {
  number: 2,
  title: "Kill at each `fdatasync` and `pwrite64`",
  method:
    "As row 1, but `strace` kills the server when it enters a chosen system call that writes, syncs, renames or removes. A point is a call and the how manieth of its kind in a thread; each is killed at once.",
  target: "500 distinct points: 0 lost, unexpected, reordered, phantom",
  fullMinutes: 55,
  missing: whyNoStrace,
  async run(context) {
    const wanted = scaled(POINTS, context.scale);
    const rounds = new Rounds(context);
    const points = allPoints(context.random);
    let [done, misses] = [0, 0];
    while (done < wanted && points.length > 0 && misses <= MISSES_MAX && !rounds.failed) {
      await rounds.run({ queues: MIXED_QUEUES }, async (round) => {
        await populate(round);
        await round.kill();
        for (let life = 0; life < LIVES_PER_ROUND && done < wanted; life++) {
          const point = points.pop();
          if (point === undefined) break;
          const { call, number } = point;
          // What did not come to its point within the time was killed as in row 1, and does not count.
          const end = await round.liveAndDie(injecting(call, "signal=KILL", { when: String(number) }), LIFE_MS_MAX);
          if (end === "exited") throw new Error(`the server ended by itself before ${call} ${number}`);
          if (end === "killed") done++;
          else misses++;
          context.progress(`${done} of ${wanted} points`);
        }
        await round.start();
      });
    }
    rounds.expectAtLeast({
      crashesInFlight: Math.floor(0.2 * done),
      redeliveries: done,
      staleSettles: Math.floor(done / 10),
      published: 10 * done,
    });
    const { published, acked, redeliveries, staleSettles } = rounds.counts;
    const figure = `${done} distinct points, ${done} kills at them and ${misses} elsewhere, ${published} published, ${acked} acked, ${redeliveries} redelivered, ${staleSettles} stale settlements refused`;
    return rounds.result(figure, done >= POINTS);
  },
};
