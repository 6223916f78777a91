import { killing } from "../killing.js";
import { queueOf } from "../queues.js";
import { Rounds } from "../rounds.js";
import { type Row, scaled } from "../row.js";

const PURGES = 5_000;
const KILLS_PER_ROUND = 4;

export const purge: Row = {
  number: 17,
  title: "Purge against publish and consume",
  method:
    "Queues of each order are purged many times a second while others publish and consume; with kills. What somebody had a receipt or a delivery of before a purge was sent must not come after its answer, nor be stored at the end.",
  target: "5,000 purges: promise G1 in 100 %",
  fullMinutes: 10,
  async run(context) {
    const purges = scaled(PURGES, context.scale);
    const rounds = new Rounds(context);
    const queues = [queueOf("orders"), queueOf("bills", { ordering: "key" }), queueOf("mail", { ordering: "fifo" })];
    const publisher = { window: 6, batchMax: 8, pauseMs: 3, times: 1, keys: 20, bodyBytesMax: 300 };
    const consumer = { maxInFlight: 20, verbs: { ack: 4, nack: 2, release: 1 }, workMsMax: 30 };
    let done = 0;
    while (done < purges && !rounds.failed) {
      await rounds.run({ queues }, async (round) => {
        for (const [position, { name: queue }] of queues.entries()) {
          await round.client({ name: `client-${position}`, publisher: { queue, ...publisher }, consumer: { queue, ...consumer } });
          const client = await round.client({ name: `purger-${position}`, upkeep: { queue, purgeEveryMs: 15 } });
          client.on("purged", () => context.progress(`${++done} of ${purges} purges`));
        }
        await killing(round, { kills: KILLS_PER_ROUND, random: context.random, onKill: () => undefined });
      });
    }
    rounds.expectAtLeast({ purged: done, acked: done / 10, published: done });
    const { published, purged, acked } = rounds.counts;
    return rounds.result(`${done} purges, ${published} published, ${purged} of them purged, ${acked} acknowledged`, done >= PURGES);
  },
};
