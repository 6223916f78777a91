import { killInRounds } from "../killing.js";
import { queueOf } from "../queues.js";
import { Rounds } from "../rounds.js";
import { type Row, scaled } from "../row.js";

const KILLS = 1_000;
const KILLS_PER_ROUND = 25;

export const killAfterAck: Row = {
  number: 12,
  title: "Kill after the reply to an `ack`",
  method: "Two clients consume and acknowledge; the server is killed at the moment one of them has the reply.",
  target: "1,000 kills: 0 redeliveries of what was acknowledged",
  fullMinutes: 20,
  async run(context) {
    const kills = scaled(KILLS, context.scale);
    const rounds = new Rounds(context);
    const queues = [queueOf("orders"), queueOf("bills", { ordering: "key" })];
    const publisher = { window: 4, batchMax: 5, pauseMs: 3, times: 1, keys: 10, bodyBytesMax: 300 };
    const consumer = { maxInFlight: 50, verbs: { ack: 1 }, workMsMax: 5 };
    const options = { kills, killsPerRound: KILLS_PER_ROUND, queues, at: ["acked"] } as const;
    const done = await killInRounds(rounds, context, options, async (round) => {
      await round.client({ name: "ann", publisher: { queue: "orders", ...publisher }, consumer: { queue: "bills", ...consumer } });
      await round.client({ name: "bob", publisher: { queue: "bills", ...publisher }, consumer: { queue: "orders", ...consumer } });
    });
    rounds.expectAtLeast({ acked: 5 * done, crashesInFlight: 0.5 * done, redeliveries: done });
    const { acked, redeliveries } = rounds.counts;
    return rounds.result(`${done} kills, ${acked} acknowledged, none of them redelivered, ${redeliveries} others were`, done >= KILLS);
  },
};
