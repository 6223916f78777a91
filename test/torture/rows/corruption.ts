import { join } from "node:path";
import { temporaryDirectory } from "../../leftovers.js";
import { Breakdown } from "../breakdown.js";
import type { Random } from "../../simulation/random.js";
import type { Outcome } from "../damage/judge.js";
import { JudgeProcess } from "../damage/judge-process.js";
import { type LastRecord, lastRecordOf, withoutRecord } from "../damage/last-record.js";
import { type End, leftStore } from "../damage/left-store.js";
import { MEMORY, whyNoMemory } from "../power/employ.js";
import { ImageDirectory } from "../power/image.js";
import type { CrashedFile } from "../power/recorded-disk.js";
import { type Row, scaled } from "../row.js";

const DAMAGES = 10_000;
const DAMAGES_MIN = 50;
const DAMAGES_PER_STORE = 500;
const FAILURES_MAX = 10;
const CUT_PART = 0.3;
/** Of the damages of a store whose server was killed; elsewhere hardly any would be there. */
const LAST_RECORD_PART = 0.02;
const ENDS: readonly End[] = ["stopped", "killed"];

interface Damaged {
  readonly way: "cut" | "flipped";
  readonly what: string;
  readonly bytes: Buffer;
}

/** Changes a byte of a file, or cuts it. */
function damage({ name, bytes: whole }: CrashedFile, random: Random, last: LastRecord | undefined): Damaged {
  if (last === undefined && random.chance(CUT_PART)) {
    const length = random.below(whole.length);
    return { way: "cut", what: `${name} cut from ${whole.length} to ${length} bytes`, bytes: whole.subarray(0, length) };
  }
  const bytes = Buffer.from(whole);
  const at = last === undefined ? random.below(bytes.length) : last.at + random.below(last.bytes);
  const bits = 1 + random.below(255);
  bytes[at] = (bytes[at] ?? 0) ^ bits;
  return { way: "flipped", what: `byte ${at} of ${name} (${whole.length} bytes) xor ${bits}`, bytes };
}

/** What a file of a store is, by its name. */
function kindOf(name: string): string {
  if (name.endsWith(".ldb")) return "LevelDB table";
  if (name.endsWith(".log")) return "LevelDB log";
  if (name.startsWith("MANIFEST")) return "LevelDB manifest";
  return /^[A-Za-z]+/.exec(name)?.[0] ?? name;
}

export const corruption: Row = {
  number: 7,
  title: "Flipped bits and cut files",
  method:
    "In the store that a server left, which was stopped or killed, one byte of one file is changed, or one file is cut, anywhere; then the real engine opens it, reads all it has, and has looked at LevelDB's tables by itself. What is read must be what was published. It may refuse to open, it may fail at what is damaged, and LevelDB may end the process by a signal (an assertion, or a mapped file that ends too early); an error that nobody handles is a failure. *Told by the doctor alone*: the engine opens the store and reads it without an error although messages are missing or settled ones are back, and only `holdfast doctor`, on the store, says so. Where messages are missing that is a silent loss, and a failure: the server serves, and nobody hears of it. *As if unfinished*: of a store whose server was killed the very last record of the journal is not whole any more, which looks like a commit that was being written then; all but that commit must be there.",
  target: "10,000 damages: 0 silently wrong bodies, 0 silent losses",
  fullMinutes: 15,
  missing: whyNoMemory,
  async run({ random, scale, directory, progress }) {
    const wanted = Math.max(DAMAGES_MIN, scaled(DAMAGES, scale));
    const outcomes: Record<Outcome, number> = { harmless: 0, refused: 0, failed: 0, told: 0, ended: 0, unfinished: 0 };
    const failures: string[] = [];
    const [toldOf, endedBy] = [new Breakdown(), new Breakdown()];
    let [missingMost, silent] = [0, 0];
    const memory = temporaryDirectory("holdfast-damages-", MEMORY);
    try {
      const perStore = Math.min(DAMAGES_PER_STORE, Math.ceil(wanted / ENDS.length));
      for (let done = 0, store = 0; done < wanted && failures.length < FAILURES_MAX; store++) {
        const end = ENDS[store % ENDS.length] as End;
        const files = await leftStore(join(directory, `store-${store}`), random.below(2 ** 31), end);
        const images = new ImageDirectory(join(memory.path, `store-${store}`));
        const lay = (laid: readonly CrashedFile[]): string => {
          images.lay(laid);
          return images.path;
        };
        const last = end === "killed" ? lastRecordOf(files) : undefined;
        const process = new JudgeProcess(() => lay(files), last && (() => lay(withoutRecord(files, last))));
        for (let here = 0; here < perStore && done < wanted && failures.length < FAILURES_MAX; here++) {
          const record = random.chance(LAST_RECORD_PART) ? last : undefined;
          const file = random.any(files.filter(({ name, bytes }) => (record === undefined ? bytes.length > 0 : name === record.name)));
          if (file === undefined) break;
          const { way, what, bytes } = damage(file, random, record);
          const damaged = files.map((one) => (one === file ? { ...one, identity: `${one.identity}+${done}`, bytes } : one));
          const { outcome, wrong, missing = 0, signal } = await process.judge(() => lay(damaged));
          outcomes[outcome]++;
          if (outcome === "told") {
            toldOf.add(`${kindOf(file.name)} ${way}${missing === 0 ? ", messages back" : ""}`);
            missingMost = Math.max(missingMost, missing);
            if (missing > 0) silent++;
          }
          if (signal !== undefined) endedBy.add(signal);
          if (wrong !== undefined) failures.push(`${what}, of a ${end} server: ${wrong}`);
          progress(`${++done} of ${wanted} damages`);
        }
        process.close();
      }
    } finally {
      memory.remove();
    }
    const { harmless, refused, failed, told, ended, unfinished } = outcomes;
    const all = harmless + refused + failed + told + ended + unfinished;
    if (silent > 0)
      failures.push(`silent losses: ${silent} stores opened without an error, with up to ${missingMost} messages missing${toldOf}`);
    if (refused + failed === 0) failures.push("vacuous: none was refused");
    const figure = `${all} damages: ${refused} refused, ${failed} failed when read, ${told} told by the doctor alone${toldOf}, with up to ${missingMost} messages missing, ${ended} ended the process${endedBy}, ${unfinished} as if unfinished, ${harmless} without effect`;
    return { figure, failures, complete: all >= DAMAGES };
  },
};
