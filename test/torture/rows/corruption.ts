import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { mkdtempSync, rmSync } from "node:fs";
import { examineDirectory } from "../../../packages/server/src/doctor/examine-directory.js";
import type { Random } from "../../simulation/random.js";
import { pause } from "../pause.js";
import { MEMORY, whyNoMemory } from "../power/employ.js";
import { ImageDirectory } from "../power/image.js";
import { type Contents, contentsOf } from "../power/contents.js";
import type { CrashedFile } from "../power/recorded-disk.js";
import { queueOf } from "../queues.js";
import { Round } from "../round.js";
import { type Row, scaled } from "../row.js";

const DAMAGES = 10_000;
const DAMAGES_PER_STORE = 500;
const QUEUES = ["orders", "bills", "orders.dead", "bills.dead"];
const LOAD_MS = 1_500;
/** They hold nothing. */
const IGNORED = /^(LOCK|LOG|LOG\.old|reserve)$/;

/** What came of one damage. */
type Outcome = "harmless" | "refused" | "told";

/** A store with a backlog, dead letters and half-settled blocks, of a server that was stopped. */
async function makeStore(directory: string, seed: number): Promise<CrashedFile[]> {
  const queues = [queueOf("orders", { maxAttempts: 2 }), queueOf("bills", { ordering: "key", maxAttempts: 2 })];
  const round = await Round.begin({ directory, seed, queues });
  try {
    const publisher = {
      window: 6,
      batchMax: 8,
      pauseMs: 4,
      times: 1,
      keys: 20,
      bodyBytesMax: 2_000,
      delayOneIn: 10,
      delayMsMax: 3_600_000,
    };
    const consumer = { maxInFlight: 20, verbs: { ack: 6, nack: 2, reject: 1, none: 2 }, workMsMax: 20 };
    await round.client({ name: "ann", publisher: { queue: "orders", ...publisher }, consumer: { queue: "bills", ...consumer } });
    await round.client({ name: "bob", publisher: { queue: "bills", ...publisher }, consumer: { queue: "orders", ...consumer } });
    await pause(LOAD_MS);
    await round.kill();
    await Promise.all(round.clients.map((client) => client.kill()));
    // Some of it is in LevelDB alone, and some in the journal too.
    await round.start();
    await round.stopServer();
    return readdirSync(round.data)
      .filter((name) => !IGNORED.test(name))
      .map((name) => ({ name, identity: name, bytes: readFileSync(join(round.data, name)) }));
  } finally {
    await round.dispose();
  }
}

/** Flips some bits of a file, or cuts it. */
function damage(file: CrashedFile, random: Random): { readonly what: string; readonly bytes: Buffer } {
  const { name, bytes: whole } = file;
  if (random.chance(0.3)) {
    const length = random.below(whole.length);
    return { what: `${name} cut from ${whole.length} to ${length} bytes`, bytes: whole.subarray(0, length) };
  }
  const bytes = Buffer.from(whole);
  const at = random.below(bytes.length);
  const bits = 1 + random.below(255);
  bytes[at] = (bytes[at] ?? 0) ^ bits;
  return { what: `byte ${at} of ${name} (${whole.length} bytes) xor ${bits}`, bytes };
}

export const corruption: Row = {
  number: 7,
  title: "Flipped bits and cut files",
  method:
    "In the store of a stopped server one byte of one file is changed, or one file is cut, anywhere; then the real engine opens it and reads all it has. It may refuse, it may fail at what is damaged, and `holdfast doctor` may tell; what is there must be what was published.",
  target: "10,000 damages: 0 silently wrong bodies, 0 silent losses",
  fullMinutes: 15,
  missing: whyNoMemory,
  async run(context) {
    const { random, scale, directory } = context;
    const wanted = scaled(DAMAGES, scale);
    const outcomes: Record<Outcome, number> = { harmless: 0, refused: 0, told: 0 };
    const failures: string[] = [];
    const memory = mkdtempSync(join(MEMORY, "holdfast-damages-"));
    try {
      for (let done = 0; done < wanted && failures.length < 10; ) {
        const files = await makeStore(join(directory, `store-${done}`), random.below(2 ** 31));
        const images = new ImageDirectory(join(memory, `store-${done}`));
        images.lay(files);
        const whole = await contentsOf(images.path, QUEUES);
        if ("refused" in whole) throw new Error(`the store as it was does not open: ${whole.refused}`);
        for (let here = 0; here < DAMAGES_PER_STORE && done < wanted && failures.length < 10; here++) {
          const file = random.any(files.filter(({ bytes }) => bytes.length > 0));
          if (file === undefined) break;
          const { what, bytes } = damage(file, random);
          images.lay(files.map((one) => (one === file ? { ...one, identity: `${one.identity}+${done}`, bytes } : one)));
          const { outcome, wrong } = await judge(images.path, whole);
          outcomes[outcome]++;
          if (wrong !== undefined) failures.push(`${what}: ${wrong}`);
          context.progress(`${++done} of ${wanted} damages`);
        }
      }
    } finally {
      rmSync(memory, { recursive: true, force: true });
    }
    const { harmless, refused, told } = outcomes;
    const all = harmless + refused + told;
    if (refused === 0) failures.push("vacuous: none was refused");
    const figure = `${all} damages: ${refused} refused or failed when read, ${told} told by the doctor alone, ${harmless} without effect`;
    return { figure, failures, complete: all >= DAMAGES };
  },
};

/** What becomes of a damaged store, and what is wrong with that. */
async function judge(path: string, whole: Contents): Promise<{ readonly outcome: Outcome; readonly wrong?: string }> {
  const found = await contentsOf(path, QUEUES);
  if ("refused" in found) return { outcome: "refused" };
  const altered = [...found.messages].find(([name, text]) => whole.messages.has(name) && whole.messages.get(name) !== text);
  if (altered !== undefined) return { outcome: "harmless", wrong: `wrong: ${altered[0]} is not what was stored` };
  const lost = [...whole.messages.keys()].filter((name) => !found.messages.has(name));
  const more = [...found.messages.keys()].filter((name) => !whole.messages.has(name));
  if (found.failed !== undefined) return { outcome: "refused" };
  if (lost.length + more.length === 0) return { outcome: "harmless" };
  const examination = existsSync(path) ? await examineDirectory(path) : undefined;
  if ((examination?.findings.length ?? 0) > 0) return { outcome: "told" };
  const what =
    lost.length > 0
      ? `lost: ${lost.length} messages are gone, such as ${lost[0]}`
      : `again: ${more.length} messages are back, such as ${more[0]}`;
  return { outcome: "harmless", wrong: `${what}, and nobody says so` };
}
