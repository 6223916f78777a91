import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { whyNoMount } from "../../crash/small-disk.js";
import { whyNoStrace } from "../../crash/strace.js";
import { employAll, whyNoMemory } from "../power/employ.js";
import { type ImagesDone, momentsOf } from "../power/images.js";
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
    "`strace` records every write, sync, rename and removal of a server that stores publishes (some with long delays), settlements, redrives, purges, emits to rooms and cursors of devices. At each sync power is lost in many ways: any 512-byte sectors of what was not synced survive, files have any length, names are lost. The real engine opens what is left.",
  target: "100,000 distinct images of 1,000 syncs: 0 violations, all reopen",
  fullMinutes: 45,
  missing: () => whyNoStrace() ?? whyNoMount() ?? whyNoMemory(),
  async run(context) {
    const wanted = scaled(IMAGES, context.scale);
    const found: Found[] = [];
    const sum = (what: "images" | "syncs" | "told" | "moments"): number => found.reduce((total, one) => total + one[what], 0);
    const failures: string[] = [];
    while (sum("images") < wanted && found.length < RECORDINGS_MAX && failures.length === 0) {
      const one = await losePower(context, found.length + 1, sum("images"), wanted);
      found.push(one);
      failures.push(...one.failures);
    }
    const [images, syncs, told] = [sum("images"), sum("syncs"), sum("told")];
    if (told < syncs) failures.push(`vacuous: only ${told} receipts and deliveries at ${syncs} syncs`);
    const figure = `${images} images at ${sum("moments")} moments around ${syncs} syncs (recordings: ${found.length}), ${told} receipts and deliveries to keep`;
    return { figure, failures, complete: images >= IMAGES && syncs >= SYNCS };
  },
};

/** What came of one recording. */
interface Found extends Omit<ImagesDone, "identities"> {
  readonly images: number;
}

/** Makes a recording, and loses power in it until there are `wanted` images with the `before` of earlier ones, or no more to find. */
async function losePower(
  { directory, random, scale, progress }: RowContext,
  number: number,
  before: number,
  wanted: number,
): Promise<Found> {
  progress(`${before} images, recording ${number}`);
  const home = join(directory, `recording-${number}`);
  mkdirSync(home);
  const seed = (): number => random.below(2 ** 31);
  const ms = Math.max(RECORD_MS_MIN, Math.round(RECORD_MS * Math.min(1, scale * 4)));
  const recording = await record({ directory: home, seed: seed(), ms });
  const moments = await momentsOf(recording);
  const missing = wanted - before;
  const even = Math.ceil((missing / moments) * SPARE);
  const imagesPerMoment = Math.min(IMAGES_PER_MOMENT_MAX, Math.max(IMAGES_PER_MOMENT_MIN, even));
  const thinning = Math.max(1, Math.floor((moments * imagesPerMoment) / missing / SPARE));
  const done = await employAll({ recording, seed, thinning, imagesPerMoment }, (images) => progress(`${before + images} images`));
  rmSync(home, { recursive: true });
  // Each of them went through all of the recording.
  const { syncs = 0, told = 0, moments: seen = 0 } = done[0] ?? {};
  return {
    // Power lost before a sync and after it may leave the same, which two processes have opened.
    images: new Set(done.flatMap(({ identities }) => identities)).size,
    syncs,
    told,
    moments: seen,
    failures: done.flatMap(({ failures }) => failures),
  };
}
