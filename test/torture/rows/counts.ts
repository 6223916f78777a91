import type { Counts } from "../../simulation/history.js";
import { killing } from "../killing.js";
import { queueOf } from "../queues.js";
import { Rounds } from "../rounds.js";
import { type Row, scaled } from "../row.js";

const ROUNDS = 300;
const KILLS_PER_ROUND = 4;

type Total = { -readonly [What in keyof Counts]: number };

export const counts: Row = {
  number: 18,
  title: "Counts",
  method:
    "All that changes a count at once: kills, delays, times to live, dead letters, redrives, purges. The counts of each queue are compared with the history and with a scan, and the stopped store is looked through by `holdfast doctor`. So is that of every round of the other rows.",
  target: "300 rounds: C1 exact",
  fullMinutes: 35,
  async run(context) {
    const wanted = scaled(ROUNDS, context.scale);
    const rounds = new Rounds(context);
    const queues = [
      queueOf("orders", { maxAttempts: 3 }),
      queueOf("bills", { ordering: "key", maxAttempts: 4 }),
      queueOf("mail", { ordering: "key", deadLetter: false }),
    ];
    const publisher = { window: 4, batchMax: 6, pauseMs: 4, times: 1, keys: 20, bodyBytesMax: 300, ttlOneIn: 6, ttlMsMax: 300 };
    const delays = { delayOneIn: 5, delayMsMax: 800 };
    const consumer = { maxInFlight: 30, verbs: { ack: 8, nack: 3, reject: 2, release: 1, none: 1 }, workMsMax: 20 };
    const total: Total = {
      published: 0,
      redriven: 0,
      ready: 0,
      inFlight: 0,
      delayed: 0,
      parked: 0,
      dead: 0,
      acked: 0,
      expired: 0,
      purged: 0,
    };
    let [done, kills] = [0, 0];
    while (done < wanted && !rounds.failed) {
      const result = await rounds.run({ queues }, async (round) => {
        for (const [position, { name: queue }] of queues.entries()) {
          const later = queue === "mail";
          const publishes = { queue, ...publisher, ...(later && delays) };
          await round.client({ name: `client-${position}`, publisher: publishes, consumer: { queue, ...consumer } });
          await round.client({ name: `keeper-${position}`, upkeep: { queue, ...(!later && { redriveEveryMs: 150 }), purgeEveryMs: 400 } });
        }
        await killing(round, { kills: KILLS_PER_ROUND, random: context.random, onKill: () => kills++ });
      });
      for (const event of result?.history ?? [])
        if (event.type === "stats") for (const what of Object.keys(total) as (keyof Counts)[]) total[what] += event.counts[what];
      context.progress(`${++done} of ${wanted} rounds`);
    }
    rounds.expectAtLeast({ crashesInFlight: done, redriven: done, purged: done, acked: 20 * done, delayed: 10 * done, mortal: 10 * done });
    if (total.expired + total.dead < done) rounds.failures.push(`vacuous: only ${total.expired} expired and ${total.dead} are dead`);
    const { published, redriven, acked, dead, expired, purged } = total;
    const figure = `${done} rounds, ${kills} kills; ${published} published + ${redriven} redriven = ${acked} acked + ${dead} dead + ${expired} expired + ${purged} purged + what was left`;
    return rounds.result(figure, done >= ROUNDS);
  },
};
