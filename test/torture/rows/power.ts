import { whyNoMount } from "../../crash/small-disk.js";
import { whyNoStrace } from "../../crash/strace.js";
import { employAll, whyNoMemory } from "../power/employ.js";
import { type ImagesDone, momentsOf } from "../power/images.js";
import { record } from "../power/recording.js";
import { type Row, scaled } from "../row.js";

const IMAGES = 100_000;
const SYNCS = 1_000;
/** Longer means larger images, each of which is read as a whole, and not more kinds of them. */
const RECORD_MS = 6_000;
const RECORD_MS_MIN = 2_000;
/** The last moments may not make up for all that is missing before them. */
const SPARE = 1.1;
const IMAGES_PER_MOMENT_MIN = 4;

export const power: Row = {
  number: 3,
  title: "Loss of power",
  method:
    "`strace` records every write, sync, rename and removal of a loaded server. At each sync power is lost in many ways: any 512-byte sectors of what was not synced survive, files have any length, names are lost. The real engine opens what is left.",
  target: "100,000 distinct images of 1,000 syncs: 0 violations, all reopen",
  fullMinutes: 40,
  missing: () => whyNoStrace() ?? whyNoMount() ?? whyNoMemory(),
  async run(context) {
    const { directory, random, scale } = context;
    context.progress("recording");
    const ms = Math.max(RECORD_MS_MIN, Math.round(RECORD_MS * Math.min(1, scale * 4)));
    const recording = await record({ directory, seed: random.below(2 ** 31), ms });
    const wanted = scaled(IMAGES, scale);
    const moments = await momentsOf(recording);
    const imagesPerMoment = Math.max(IMAGES_PER_MOMENT_MIN, Math.ceil((wanted / moments) * SPARE));
    const thinning = Math.max(1, Math.floor((moments * imagesPerMoment) / wanted / SPARE));
    const task = { recording, seed: () => random.below(2 ** 31), thinning, imagesPerMoment };
    return resultOf(await employAll(task, (images) => context.progress(`${images} images`)));
  },
};

function resultOf(done: readonly ImagesDone[]): { figure: string; failures: string[]; complete: boolean } {
  const images = done.reduce((sum, one) => sum + one.images, 0);
  const failures = done.flatMap((one) => one.failures);
  const { syncs = 0, told = 0, moments = 0 } = done[0] ?? {};
  if (told < syncs) failures.push(`vacuous: only ${told} receipts and deliveries at ${syncs} syncs`);
  const figure = `${images} images at ${moments} moments around ${syncs} syncs, ${told} receipts and deliveries to keep`;
  return { figure, failures, complete: images >= IMAGES && syncs >= SYNCS };
}
