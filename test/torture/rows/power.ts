import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { whyNoMount } from "../../crash/small-disk.js";
import { whyNoStrace } from "../../crash/strace.js";
import { employAll, whyNoMemory } from "../power/employ.js";
import { momentsOf } from "../power/images.js";
import { record } from "../power/recording.js";
import { type Row, type RowContext, scaled } from "../row.js";

const IMAGES = 100_000;
const SYNCS = 1_000;
/** Longer means larger images, each of which is read as a whole, and not more kinds of them. */
const RECORD_MS = 4_000;
const RECORD_MS_MIN = 2_000;
/** At many moments there is nothing to lose. */
const RECORDINGS_MAX = 12;
/** The last moments may not make up for all that is missing before them. */
const SPARE = 1.1;
const IMAGES_PER_MOMENT_MIN = 4;
const IMAGES_PER_MOMENT_MAX = 24;

export const power: Row = {
  number: 3,
  title: "Loss of power",
  method:
    "`strace` records every write, sync, rename and removal of a loaded server. At each sync power is lost in many ways: any 512-byte sectors of what was not synced survive, files have any length, names are lost. The real engine opens what is left.",
  target: "100,000 distinct images of 1,000 syncs: 0 violations, all reopen",
  fullMinutes: 45,
  missing: () => whyNoStrace() ?? whyNoMount() ?? whyNoMemory(),
  async run(context) {
    const wanted = scaled(IMAGES, context.scale);
    const total: Total = { recordings: 0, images: 0, syncs: 0, told: 0, moments: 0, failures: [] };
    while (total.images < wanted && total.recordings < RECORDINGS_MAX && total.failures.length === 0) {
      await loseAllPower(context, wanted - total.images, total);
    }
    const { recordings, images, syncs, told, moments, failures } = total;
    if (told < syncs) failures.push(`vacuous: only ${told} receipts and deliveries at ${syncs} syncs`);
    const figure = `${images} images at ${moments} moments around ${syncs} syncs (recordings: ${recordings}), ${told} receipts and deliveries to keep`;
    return { figure, failures, complete: images >= IMAGES && syncs >= SYNCS };
  },
};

/** What came of all recordings so far. */
interface Total {
  recordings: number;
  images: number;
  syncs: number;
  told: number;
  moments: number;
  readonly failures: string[];
}

/** Makes one more recording, and loses power in it until there are `wanted` images, or no more to find. */
async function loseAllPower(context: RowContext, wanted: number, total: Total): Promise<void> {
  const { random, scale } = context;
  const number = ++total.recordings;
  context.progress(`${total.images} images, recording ${number}`);
  const directory = join(context.directory, `recording-${number}`);
  mkdirSync(directory);
  const seed = (): number => random.below(2 ** 31);
  const ms = Math.max(RECORD_MS_MIN, Math.round(RECORD_MS * Math.min(1, scale * 4)));
  const recording = await record({ directory, seed: seed(), ms });
  const moments = await momentsOf(recording);
  const even = Math.ceil((wanted / moments) * SPARE);
  const imagesPerMoment = Math.min(IMAGES_PER_MOMENT_MAX, Math.max(IMAGES_PER_MOMENT_MIN, even));
  const thinning = Math.max(1, Math.floor((moments * imagesPerMoment) / wanted / SPARE));
  const before = total.images;
  const done = await employAll({ recording, seed, thinning, imagesPerMoment }, (images) => context.progress(`${before + images} images`));
  // Power lost before a sync and after it may leave the same, which two processes have opened.
  total.images += new Set(done.flatMap(({ identities }) => identities)).size;
  total.failures.push(...done.flatMap(({ failures }) => failures));
  // Each of them went through all of the recording.
  total.syncs += done[0]?.syncs ?? 0;
  total.told += done[0]?.told ?? 0;
  total.moments += done[0]?.moments ?? 0;
  rmSync(directory, { recursive: true });
}
