import { killing } from "../killing.js";
import { queueOf } from "../queues.js";
import { Rounds } from "../rounds.js";
import { type Row, scaled } from "../row.js";
import { killsDuring } from "../under-way.js";

const MESSAGES = 100_000;
const KILLS_PER_ROUND = 3;

export const resend: Row = {
  number: 13,
  title: "Every publish sent three times",
  method: "Publishers send each message three times under one id, with lost connections and kills in between.",
  target: "100,000 messages: exactly one of each id",
  fullMinutes: 15,
  async run(context) {
    const messages = scaled(MESSAGES, context.scale);
    const rounds = new Rounds(context);
    const queues = [queueOf("orders"), queueOf("bills", { ordering: "key" })];
    const publisher = { window: 12, batchMax: 10, pauseMs: 1, times: 3, keys: 50, bodyBytesMax: 300 };
    const consumer = { maxInFlight: 100, verbs: { ack: 1 }, workMsMax: 3 };
    let [kills, inMiddle] = [0, 0];
    const onKill = (): number => ++kills;
    while (rounds.counts.published < messages && !rounds.failed) {
      const result = await rounds.run({ queues }, async (round) => {
        const reconnectEveryMs = 400;
        await round.client({
          name: "ann",
          reconnectEveryMs,
          publisher: { queue: "orders", ...publisher },
          consumer: { queue: "bills", ...consumer },
        });
        await round.client({
          name: "bob",
          reconnectEveryMs,
          publisher: { queue: "bills", ...publisher },
          consumer: { queue: "orders", ...consumer },
        });
        await killing(round, { kills: KILLS_PER_ROUND, random: context.random, at: ["publishing"], onKill });
      });
      inMiddle += killsDuring(result?.lines ?? [], ({ type }) => type === "publish");
      context.progress(`${rounds.counts.published} of ${messages} messages`);
    }
    const { published, duplicates } = rounds.counts;
    rounds.expectAtLeast({ duplicates: published, unknown: kills });
    if (inMiddle < kills / 2) rounds.failures.push(`vacuous: only ${inMiddle} of ${kills} kills came while a publish was under way`);
    return rounds.result(
      `${published} messages stored once, ${duplicates} resends recognised, ${kills} kills, ${inMiddle} of them while a publish was under way`,
      published >= MESSAGES,
    );
  },
};
