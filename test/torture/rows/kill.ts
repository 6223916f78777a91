import { type Talked, Talkers } from "../../soak/talkers.js";
import type { Random } from "../../simulation/random.js";
import { Breakdown } from "../breakdown.js";
import type { PublisherSpec } from "../client/spec.js";
import { type Company, killInRounds } from "../killing.js";
import { FAULT_KINDS } from "../network/fault.js";
import { queueOf } from "../queues.js";
import { populateRooms, ROOMS } from "../rooms.js";
import type { Round } from "../round.js";
import { Rounds } from "../rounds.js";
import { type Row, scaled } from "../row.js";

const KILLS = 1_000;
const KILLS_PER_ROUND = 20;
/** Else a fault of the network would rarely be over before the server is. */
const LONG_LIFE_ONE_IN = 6;

const PUBLISHER = { window: 8, batchMax: 5, pauseMs: 4, times: 1, keys: 0, bodyBytesMax: 600 } as const;
const VERBS = { ack: 12, answer: 2, nack: 2, release: 1, extend: 1, late: 1, none: 1 } as const;

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

/** Users with devices in one room, each a client as applications have it. */
const TALKERS = [
  { name: "tess-phone", user: "tess" },
  { name: "tess-laptop", user: "tess" },
  { name: "tom-phone", user: "tom" },
  { name: "tom-tablet", user: "tom" },
] as const;
const TALK = { queue: "parcels", room: "kitchen", keys: 8, pauseMs: 20, awayEveryMs: 800 } as const;

/** They publish, consume, emit and listen, and keep account of it. */
async function talkIn(round: Round, random: Random, note: (talked: Talked) => void): Promise<Company> {
  const { name, settings } = queueOf(TALK.queue, { ordering: "key", deadLetter: false, maxAttempts: 0 });
  await round.admin.define(name, settings);
  const talkers = new Talkers();
  const specs = TALKERS.map((who) => ({ ...who, ...TALK, seed: random.below(2 ** 31) }));
  await talkers.begin(await Promise.all(specs.map(async (spec) => ({ ...spec, url: await round.entrance() }))));
  return { finish: async () => note(await talkers.finish()), dispose: () => talkers.dispose() };
}

export const kill: Row = {
  number: 1,
  title: "`kill -9` under load",
  method:
    "Four clients publish to, consume and settle queues of each order, one emits to rooms, and three devices of two users hear, acknowledge, nack or leave what comes; meanwhile four devices of two users with the client library publish, consume, emit to a room and hear it, each away now and then; the server is killed at random moments. All of them come through a proxy that now and then delays what they and the server say, lets it drip, resets the connection, cuts it in the middle of a chunk, or passes on nothing in one or both directions for a while, sometimes longer than either side waits for the other, and then cuts it. What came to a device of what was confirmed to any, once and in order, the devices say.",
  target: "1,000 kills: 0 lost, unexpected, reordered, phantom; 0 gaps but of what was out of attempts",
  fullMinutes: 30,
  async run(context) {
    const faults = new Breakdown();
    const kills = scaled(KILLS, context.scale);
    const rounds = new Rounds(context);
    const sum = { published: 0, emitted: 0, heard: 0, gaps: 0 };
    const note = ({ failures, ...talked }: Talked): void => {
      rounds.failures.push(...failures);
      sum.published += talked.published;
      sum.emitted += talked.emitted;
      sum.heard += talked.heard;
      sum.gaps += talked.gaps;
    };
    const company = (round: Round): Promise<Company> => talkIn(round, context.random, note);
    const onFault = (kind: string): void => faults.add(kind);
    const options = {
      kills,
      killsPerRound: KILLS_PER_ROUND,
      longLifeOneIn: LONG_LIFE_ONE_IN,
      queues: MIXED_QUEUES,
      rooms: ROOMS,
      onFault,
      company,
    };
    const done = await killInRounds(rounds, context, options, async (round) => {
      await populate(round);
      await populateRooms(round);
    });
    if (sum.emitted < done || sum.published < done)
      rounds.failures.push(`vacuous: only ${sum.published} published and ${sum.emitted} emitted by devices in ${done} kills`);
    const missing = FAULT_KINDS.filter((kind) => faults.of(kind) === 0);
    // One life of half a second may be over before anything happens to a connection.
    if ((done >= KILLS_PER_ROUND && faults.total === 0) || (done >= KILLS && missing.length > 0))
      rounds.failures.push(`vacuous: of the faults of a network there were no ${missing.join(", no ")}`);
    rounds.expectAtLeast({
      crashesInFlight: 0.5 * done,
      redeliveries: done,
      staleSettles: Math.floor(done / 10),
      unknown: done,
      published: 10 * done,
      emitted: 2 * done,
      heard: 5 * done,
      heardAgain: done,
    });
    const { published, acked, redeliveries, crashesInFlight, staleSettles, emitted, heard, heardAgain, gaps } = rounds.counts;
    const figure = `${done} kills (${crashesInFlight} with deliveries in flight), ${published} published, ${acked} acked, ${redeliveries} redelivered, ${staleSettles} stale settlements refused; ${emitted} emits, heard ${heard} times, ${heardAgain} of them again, ${gaps} gaps of what was out of attempts; ${faults.total} network faults${faults}; devices with the client library: ${sum.published} published, ${sum.emitted} emits, ${sum.heard} heard, ${sum.gaps} gaps`;
    return rounds.result(figure, done >= KILLS);
  },
};
