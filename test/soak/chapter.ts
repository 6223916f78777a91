import { rmSync } from "node:fs";
import { join } from "node:path";
import type { ServerProcess } from "../crash/server-process.js";
import type { Tally } from "../simulation/checker/vacuous.js";
import type { Random } from "../simulation/random.js";
import type { PublisherSpec } from "../torture/client/spec.js";
import type { Administrator } from "../torture/administrator.js";
import { keepHistory } from "../torture/keep-history.js";
import { pause } from "../torture/pause.js";
import { queueOf, type RoundQueue } from "../torture/queues.js";
import { Round } from "../torture/round.js";
import { Talkers } from "./talkers.js";

/** A client stands still for so long. */
const STALL_MS = 3_000;
const STALL_EVERY_MS = 15_000;
const RECONNECT_EVERY_MS = 4_000;
const FAILURES_SHOWN = 5;

const PUBLISHER = { window: 3, batchMax: 4, pauseMs: 25, times: 1, keys: 0, bodyBytesMax: 900 } as const;
const VERBS = { ack: 14, answer: 3, nack: 2, release: 1, extend: 1, reject: 1, none: 1 } as const;

export interface ChapterOptions {
  readonly number: number;
  readonly server: ServerProcess;
  /** The server's store. */
  readonly data: string;
  /** For the histories of this chapter. */
  readonly directory: string;
  readonly random: Random;
  readonly ms: number;
  /** Told when the server is killed in the middle of it; without, it is not. */
  readonly onKill: (() => void) | undefined;
}

export interface ChapterResult {
  readonly counts: Tally;
  /** Messages of queues and rooms by clients with frames. */
  readonly talked: number;
  readonly failures: readonly string[];
}

/** Load of every kind on queues and a room of its own for a while, and what a history of it says. */
export async function runChapter(options: ChapterOptions): Promise<ChapterResult> {
  const { number, server, data, random, ms, onKill } = options;
  const directory = join(options.directory, `chapter-${number}`);
  const names = namesOf(number);
  const queues = queuesOf(names);
  const round = await Round.begin({ directory, seed: random.below(2 ** 31), queues, data, server });
  const talkers = new Talkers();
  try {
    const until = performance.now() + ms;
    await populate(round, names);
    // Clients with frames keep account of it themselves.
    const parcels = queueOf(names.parcels, { ordering: "key" });
    await round.admin.define(parcels.name, parcels.settings);
    const talker = { url: round.url, queue: names.parcels, room: names.kitchen, keys: 8, pauseMs: 20 };
    await talkers.begin(["tess", "tom"].map((name) => ({ name: `${name}-${number}`, seed: random.below(2 ** 31), ...talker })));
    const stalls = stallNowAndThen(round, until);
    await pause((until - performance.now()) / 2);
    if (onKill !== undefined) {
      onKill();
      await round.kill();
      await round.start();
    }
    await pause(until - performance.now());
    await stalls;
    const talked = await talkers.finish();
    const { violations, counts, history } = await round.finish({
      clear: (admin) => clear(admin, [...queues, parcels], names.kitchen),
    });
    const failures = [...talked.failures, ...violations.map(({ message }) => message)].slice(0, FAILURES_SHOWN);
    if (violations.length > 0) failures.push(`its history is in ${keepHistory(`soak-chapter-${number}`, history)}`);
    return { counts, talked: talked.published + talked.emitted, failures: failures.map((text) => `chapter ${number}: ${text}`) };
  } finally {
    await talkers.dispose();
    await round.dispose();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Names that no other chapter has, so that each chapter is a history of its own. */
const namesOf = (number: number) => ({
  orders: `orders-${number}`,
  bills: `bills-${number}`,
  mail: `mail-${number}`,
  trash: `trash-${number}`,
  parcels: `parcels-${number}`,
  kitchen: `kitchen-${number}`,
});

type Names = ReturnType<typeof namesOf>;

/** One of each order, and one that is purged. */
const queuesOf = ({ orders, bills, mail, trash }: Names): RoundQueue[] => [
  queueOf(orders, { maxAttempts: 3 }),
  queueOf(bills, { ordering: "key", maxAttempts: 4 }),
  queueOf(mail, { ordering: "fifo" }),
  queueOf(trash),
];

async function populate(round: Round, { orders, bills, mail, trash }: Names): Promise<void> {
  const publisher = (queue: string, more: Partial<PublisherSpec> = {}): PublisherSpec => ({ queue, ...PUBLISHER, ...more });
  const consumer = (queue: string) => ({ queue, maxInFlight: 40, verbs: VERBS, workMsMax: 30 });
  const reconnectEveryMs = RECONNECT_EVERY_MS;
  await round.client({
    name: "ann",
    publisher: publisher(orders),
    consumer: consumer(bills),
    upkeep: { queue: orders, redriveEveryMs: 500 },
  });
  await round.client({ name: "bob", publisher: publisher(bills, { keys: 20 }), consumer: consumer(orders), reconnectEveryMs });
  await round.client({ name: "cem", publisher: publisher(mail, { window: 1 }), consumer: consumer(mail) });
  await round.client({ name: "dan", consumer: consumer(bills), upkeep: { queue: bills, redriveEveryMs: 700 }, reconnectEveryMs });
  await round.client({ name: "eve", publisher: publisher(trash), consumer: consumer(trash), upkeep: { queue: trash, purgeEveryMs: 300 } });
}

/** One client after the other stops reading for a while, as a laptop whose lid is closed. */
async function stallNowAndThen(round: Round, until: number): Promise<void> {
  for (let turn = 0; performance.now() + STALL_EVERY_MS < until; turn++) {
    await pause(STALL_EVERY_MS - STALL_MS);
    const client = round.clients[turn % round.clients.length];
    if (client === undefined) return;
    client.freeze();
    round.stalled(client);
    await pause(STALL_MS);
    round.stalled(client);
    client.thaw();
  }
}

/** Leaves nothing of the chapter behind. */
async function clear(admin: Administrator, queues: readonly RoundQueue[], kitchen: string): Promise<void> {
  const dead = queues.map(({ settings }) => settings.deadLetter).filter((name) => name !== false);
  for (const queue of [...queues.map(({ name }) => name), ...dead]) {
    if (await admin.exists(queue)) await admin.ask("holdfast:delete", { queue });
  }
  await admin.ask("holdfast:delete", { room: kitchen });
}
