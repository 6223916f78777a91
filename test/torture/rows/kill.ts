import type { PublisherSpec } from "../client/spec.js";
import { killInRounds } from "../killing.js";
import { queueOf } from "../queues.js";
import type { Round } from "../round.js";
import { Rounds } from "../rounds.js";
import { type Row, scaled } from "../row.js";

const KILLS = 1_000;
const KILLS_PER_ROUND = 20;

const PUBLISHER = { window: 8, batchMax: 5, pauseMs: 4, times: 1, keys: 0, bodyBytesMax: 600 } as const;
const VERBS = { ack: 12, answer: 2, nack: 2, release: 1, extend: 1, none: 1 } as const;

/** A queue of each order. */
export const MIXED_QUEUES = [
  queueOf("orders", { maxAttempts: 50 }),
  queueOf("bills", { ordering: "key" }),
  queueOf("mail", { ordering: "fifo" }),
];

/** Publishers to them, and consumers that do all that one can do with a delivery. */
export async function populate(round: Round): Promise<void> {
  const publisher = (queue: string, more: Partial<PublisherSpec> = {}): { publisher: PublisherSpec } => ({
    publisher: { queue, ...PUBLISHER, ...more },
  });
  const consumer = { maxInFlight: 40, verbs: VERBS, workMsMax: 20 };
  await Promise.all([
    round.client({ name: "ann", ...publisher("orders"), consumer: { queue: "bills", ...consumer } }),
    round.client({ name: "bob", ...publisher("bills", { keys: 20 }), consumer: { queue: "orders", ...consumer } }),
    round.client({ name: "cem", ...publisher("mail", { window: 2 }), consumer: { queue: "mail", ...consumer } }),
    round.client({ name: "dan", consumer: { queue: "bills", ...consumer } }),
  ]);
}

export const kill: Row = {
  number: 1,
  title: "`kill -9` under load",
  method: "Four clients publish to, consume and settle queues of each order; the server is killed at random moments.",
  target: "1,000 kills: 0 lost, unexpected, reordered, phantom",
  fullMinutes: 25,
  async run(context) {
    const kills = scaled(KILLS, context.scale);
    const rounds = new Rounds(context);
    const done = await killInRounds(rounds, context, { kills, killsPerRound: KILLS_PER_ROUND, queues: MIXED_QUEUES }, populate);
    rounds.expectAtLeast({ crashesInFlight: 0.5 * done, redeliveries: done, unknown: done, published: 10 * done });
    const { published, acked, redeliveries, crashesInFlight } = rounds.counts;
    const figure = `${done} kills (${crashesInFlight} with deliveries in flight), ${published} published, ${acked} acked, ${redeliveries} redelivered`;
    return rounds.result(figure, done >= KILLS);
  },
};
