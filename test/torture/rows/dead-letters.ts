import { killInRounds } from "../killing.js";
import { queueOf } from "../queues.js";
import type { RoundResult } from "../round.js";
import { Rounds } from "../rounds.js";
import { type Row, scaled } from "../row.js";
import { killsDuring } from "../under-way.js";

const KILLS = 1_000;
const KILLS_PER_ROUND = 20;

const killsInMiddle = ({ lines }: RoundResult): number =>
  killsDuring(lines, (line) => line.type === "redrive" || (line.type === "settle" && line.verb === "reject"));

export const deadLetters: Row = {
  number: 14,
  title: "Dead letter and redrive, killed in the middle",
  method:
    "Consumers reject and fail often, dead letters are redriven all the time; the server is killed at the moment a rejection or a redrive is sent. A kill counts when one that was sent had no answer by then.",
  target: "1,000 kills: 0 missing, 0 in two places",
  fullMinutes: 25,
  async run(context) {
    const kills = scaled(KILLS, context.scale);
    const rounds = new Rounds(context);
    const queues = [queueOf("orders", { maxAttempts: 2 }), queueOf("bills", { ordering: "key", maxAttempts: 3 })];
    const publisher = { window: 4, batchMax: 5, pauseMs: 5, times: 1, keys: 20, bodyBytesMax: 300 };
    const consumer = { maxInFlight: 50, verbs: { ack: 4, nack: 2, reject: 3, answer: 1 }, workMsMax: 5 };
    const options = { kills, killsPerRound: KILLS_PER_ROUND, queues, at: ["redriving", "rejecting"], counting: killsInMiddle } as const;
    const done = await killInRounds(rounds, context, options, async (round) => {
      await round.client({ name: "ann", publisher: { queue: "orders", ...publisher }, consumer: { queue: "bills", ...consumer } });
      await round.client({ name: "bob", publisher: { queue: "bills", ...publisher }, consumer: { queue: "orders", ...consumer } });
      await round.client({ name: "cem", upkeep: { queue: "orders", redriveEveryMs: 60 } });
      await round.client({ name: "dan", upkeep: { queue: "bills", redriveEveryMs: 60 } });
    });
    rounds.expectAtLeast({ redriven: 2 * done, published: 10 * done });
    const { published, redriven } = rounds.counts;
    return rounds.result(
      `${done} kills in the middle of a rejection or a redrive, ${published} published, ${redriven} redriven`,
      done >= KILLS,
    );
  },
};
