import { join } from "node:path";
import { SmallDisk } from "../../crash/small-disk.js";
import { STRACE } from "../../crash/strace.js";
import { written } from "../../crash/traced-receipts.js";
import { type HistoryLine, readLines } from "../history-file.js";
import { pause } from "../pause.js";
import { queueOf } from "../queues.js";
import { populateRooms, ROOMS } from "../rooms.js";
import { Round } from "../round.js";
import { RECORDED } from "./disk-call.js";

/** So small that the journal's files are at their smallest, and are moved to LevelDB often. */
const DISK = "48m";

/** Longer than it takes to open all images. */
const DELAY_MS_MAX = 300 * 24 * 3_600_000;

/** The queues of a recording, with those of their dead letters. */
export const QUEUES = ["orders", "bills", "trash", "orders.dead", "bills.dead"] as const;

/** A loaded run of a server, as its system calls and its clients tell it. */
export interface Recording {
  /** The log of `strace`. */
  readonly log: string;
  /** Where the store was. */
  readonly data: string;
  readonly lines: readonly HistoryLine[];
  readonly zeroMs: number;
}

export interface RecordOptions {
  readonly directory: string;
  readonly seed: number;
  readonly ms: number;
  /** The command that is the server, if not the one that is built here. */
  readonly program?: string;
}

/** Runs a server for a while, with everything recorded that it does to its disk and sends to its clients. */
export async function record({ directory, seed, ms, program }: RecordOptions): Promise<Recording> {
  const disk = new SmallDisk(DISK);
  const refused = disk.mount();
  if (refused !== undefined) throw new Error(refused);
  const log = join(directory, "strace");
  const data = join(disk.path, "data");
  const wrapper = [...STRACE, "-ttt", "-y", "-s", "16777216", "-e", `trace=${RECORDED}`, "-e", "signal=none", "-o", log];
  const queues = [queueOf("orders", { maxAttempts: 20 }), queueOf("bills", { ordering: "key", maxAttempts: 20 }), queueOf("trash")];
  const home = join(directory, "round");
  const round = await Round.begin({ directory: home, seed, queues, rooms: ROOMS, data, wrapper, ...(program && { program }) });
  try {
    // Few messages, since all that is there is read again in each image; but many bytes, so that the journal fills up;
    // and many keys, so that few messages wait behind one that is left alone.
    const publisher = { window: 3, batchMax: 3, pauseMs: 8, times: 1, keys: 200, bodyBytesMax: 6_000 };
    const consumer = { maxInFlight: 60, verbs: { ack: 24, nack: 2, reject: 1, release: 1, none: 1 }, workMsMax: 3 };
    const orders = { queue: "orders", ...publisher, delayOneIn: 8, delayMsMax: DELAY_MS_MAX };
    await round.client({ name: "ann", publisher: orders, consumer: { queue: "bills", ...consumer } });
    await round.client({ name: "bob", publisher: { queue: "bills", ...publisher }, consumer: { queue: "orders", ...consumer } });
    const upkeep = { redriveEveryMs: 300 };
    await round.client({ name: "ada", upkeep: { queue: "orders", ...upkeep }, publisher: { queue: "trash", ...publisher, window: 1 } });
    await round.client({ name: "ben", upkeep: { queue: "bills", ...upkeep } });
    await round.client({ name: "cid", upkeep: { queue: "trash", purgeEveryMs: 200 } });
    await populateRooms(round);
    await pause(ms);
    await round.kill();
    await Promise.all(round.clients.map((client) => client.kill()));
    await written(log);
    return { log, data, lines: round.files.flatMap(readLines), zeroMs: round.zeroMs };
  } finally {
    await round.dispose();
    disk.close();
  }
}
