import { pause } from "../pause.js";
import { queueOf } from "../queues.js";
import { Rounds } from "../rounds.js";
import { type Row, scaled } from "../row.js";

const MESSAGES = 10_000_000;
const KEYS = 1_000;
const CONSUMERS = 50;
const PROCESSES = 2;
/** As much as one history has: the checker holds all of it. */
const MESSAGES_PER_ROUND = 100_000;
const ROUND_MS_MAX = 40_000;
/** So few that some messages come to the end of them, by kills and what is not settled. */
const ATTEMPTS_MAX = 3;
const KILLS_PER_ROUND = 3;
const POLL_MS = 100;

export const keyOrder: Row = {
  number: 10,
  title: "Order of keys",
  method:
    "A queue ordered by key with 50 consumers that ack, nack, reject, release, extend, fall silent and lose their connections; what is rejected or was delivered three times in vain becomes a dead letter; the server is killed meanwhile. Many rounds, each with a history of its own.",
  target: "1,000 keys, 50 consumers, 10,000,000 messages: 0 breaks of O1 to O4",
  fullMinutes: 150,
  async run(context) {
    const { random } = context;
    const messages = scaled(MESSAGES, context.scale);
    const rounds = new Rounds(context);
    const publisher = { queue: "orders", window: 12, batchMax: 60, pauseMs: 4, times: 1, keys: KEYS, bodyBytesMax: 60 };
    const verbs = { ack: 60, answer: 10, nack: 3, reject: 1, release: 3, extend: 1, none: 1 };
    const consumer = { queue: "orders", maxInFlight: 100, verbs, workMsMax: 5 };
    let kills = 0;
    while (rounds.counts.acked < messages && !rounds.failed) {
      const wanted = Math.min(MESSAGES_PER_ROUND, messages - rounds.counts.acked);
      await rounds.run({ queues: [queueOf("orders", { ordering: "key", maxAttempts: ATTEMPTS_MAX })] }, async (round) => {
        await round.client({ name: "ann", publisher });
        for (let number = 0; number < PROCESSES; number++)
          await round.client({ name: `crowd-${number}`, crowd: CONSUMERS / PROCESSES, reconnectEveryMs: 5_000, consumer });
        const deadline = performance.now() + ROUND_MS_MAX;
        const acked = async (count: number): Promise<void> => {
          while ((await round.admin.counts("orders")).acked < count && performance.now() < deadline) await pause(POLL_MS);
        };
        for (let kill = 1; kill <= KILLS_PER_ROUND; kill++) {
          await acked((wanted * kill) / (KILLS_PER_ROUND + 1));
          await pause(random.below(POLL_MS));
          await round.kill();
          await round.start();
          kills++;
        }
        await acked(wanted);
      });
      context.progress(`${rounds.counts.acked} of ${messages} messages`);
    }
    rounds.expectAtLeast({ redeliveries: kills, crashesInFlight: kills / 2, deadLetters: kills });
    const { acked, redeliveries, deadLetters } = rounds.counts;
    const figure = `${acked} messages of ${KEYS} keys, ${CONSUMERS} consumers, ${kills} kills, ${redeliveries} redelivered, ${deadLetters} dead letters`;
    return rounds.result(figure, acked >= MESSAGES);
  },
};
