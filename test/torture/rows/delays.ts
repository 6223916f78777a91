import { join } from "node:path";
import type { HistoryEvent } from "../../simulation/history.js";
import { pause } from "../pause.js";
import { queueOf } from "../queues.js";
import { Rounds } from "../rounds.js";
import { type Row, scaled } from "../row.js";
import { SetClock } from "../set-clock.js";

const MESSAGES = 100_000;
const LIVES_PER_ROUND = 5;
/** Of a run with few messages. */
const LIVES_MIN = 2;
const MESSAGES_PER_LIFE = 200;
const LIFE_MS = 1_500;
const LEASE_MS = 5_000;
const HOUR_MS = 3_600_000;
const LATE_MS_MAX = 100;
/** Fewer do not tell what one of a hundred is. */
const DELAYS_JUDGED = 10_000;

/** How late each delayed message was leased first, by the server's clock, in the life in which it became due, in ms. */
function lateness(history: readonly HistoryEvent[]): number[] {
  const delays = new Map<string, number>();
  const seen = new Set<string>();
  const late: number[] = [];
  let servingAt = 0;
  for (const event of history) {
    if (event.type === "restart") servingAt = Number.POSITIVE_INFINITY;
    // Clients come back when it serves.
    if (event.type === "attached" && servingAt === Number.POSITIVE_INFINITY) servingAt = event.at;
    if (event.type === "publish" && event.delayMs !== undefined) delays.set(event.id, event.delayMs);
    if (event.type !== "delivery" || seen.has(event.id)) continue;
    seen.add(event.id);
    const delayMs = delays.get(event.id);
    if (delayMs === undefined) continue;
    const dueAt = event.publishedAt + delayMs;
    if (dueAt > servingAt) late.push(event.leaseUntil - LEASE_MS - dueAt);
  }
  return late;
}

export const delays: Row = {
  number: 15,
  title: "Delay and time to live",
  method:
    "Messages with delays and times to live of up to 1.5 s are published while the server is killed and started again with a clock that is an hour ahead, an hour behind, or right; while it runs the system's clock jumps by an hour several times a second. Lateness is that of the lease, where the message became due while the server ran.",
  target: "100,000 messages: 0 early, 0 delivered when expired; p99 late <= 100 ms",
  fullMinutes: 15,
  async run(context) {
    const { directory, random } = context;
    const messages = scaled(MESSAGES, context.scale);
    const rounds = new Rounds(context);
    // By a clock that is set ahead ids are older than they are.
    const settings = { leaseMs: LEASE_MS, dedupWindowMs: 24 * HOUR_MS };
    const queues = [queueOf("orders", settings), queueOf("bills", { ...settings, ordering: "key" })];
    const publisher = { window: 3, batchMax: 4, pauseMs: 15, times: 1, keys: 500, bodyBytesMax: 300, delayOneIn: 2, delayMsMax: 1_500 };
    const mortal = { ttlOneIn: 5, ttlMsMax: 1_500 };
    const consumer = { maxInFlight: 10_000, verbs: { ack: 1 }, workMsMax: 0 };
    const clock = new SetClock(join(directory, "clock"), random, HOUR_MS);
    const late: number[] = [];
    let lives = 0;
    while (rounds.counts.published < messages && !rounds.failed) {
      clock.set(0);
      const result = await rounds.run({ queues, wrapper: clock.wrapper }, async (round) => {
        const set = async (aheadMs: number): Promise<void> => {
          await round.kill();
          clock.set(aheadMs);
          await round.setClock(aheadMs);
          await round.start();
        };
        for (const { name: queue } of queues) {
          await round.client({ name: `to-${queue}`, publisher: { queue, ...publisher, ...mortal } });
          await round.client({ name: `of-${queue}`, consumer: { queue, ...consumer } });
        }
        const few = Math.max(LIVES_MIN, Math.round(messages / MESSAGES_PER_LIFE));
        for (let life = 0; life < Math.min(LIVES_PER_ROUND, few); life++) {
          await pause(LIFE_MS + random.below(LIFE_MS));
          await set(random.pick([-HOUR_MS, 0, HOUR_MS]));
          lives++;
        }
        // What was published while the clock was ahead is due by now.
        await pause(LIFE_MS);
        await set(2 * HOUR_MS);
      });
      late.push(...lateness(result?.history ?? []));
      context.progress(`${rounds.counts.published} of ${messages} messages`);
    }
    late.sort((a, b) => a - b);
    const p99 = late[Math.floor(late.length * 0.99)] ?? 0;
    if (late.length >= DELAYS_JUDGED && p99 > LATE_MS_MAX) rounds.late.push(`one of a hundred is ${p99} ms late`);
    rounds.expectAtLeast({ delayed: rounds.counts.published / 5, mortal: rounds.counts.published / 10, crashes: lives });
    const { published, delayed, mortal: mortals } = rounds.counts;
    const figure = `${published} messages (${delayed} delayed, ${mortals} with a time to live), ${lives} clocks set; of ${late.length} that became due while a server ran p99 ${p99} ms late, ${late.at(-1) ?? 0} ms at most`;
    return rounds.result(figure, published >= MESSAGES);
  },
};
