import { createHash } from "node:crypto";
import { Random } from "../../simulation/random.js";
import { type DiskCall, diskCallsOf } from "./disk-call.js";
import { differs, ImageDirectory, identityOf } from "./image.js";
import type { CrashMoment } from "./crash-moment.js";
import { judgeImage } from "./judge-image.js";
import { Promises } from "./promises.js";
import { type CrashedFile, RecordedDisk } from "./recorded-disk.js";
import { QUEUES, type Recording } from "./recording.js";

const FAILURES_MAX = 20;
/** While the store is made for the first time. */
const FIRST_MOMENTS = 24;
/** So many times in a row a crash gave nothing new: there is not more to find at that moment. */
const STALE_MAX = 12;
/** So many times what is wanted of each moment come from one that makes up for others. */
const CAUGHT_UP_MAX = 6;

export interface ImagesTask {
  readonly recording: Recording;
  /** For the images, in memory. */
  readonly directory: string;
  readonly seed: number;
  /** Of the moments at which power may be lost, those whose number leaves `part` when divided by `parts`; 0 has the first ones too. */
  readonly part: number;
  readonly parts: number;
  /** On the average: what is missing where there are fewer different ones is made up for later. */
  readonly imagesPerMoment: number;
}

export interface ImagesDone {
  /** What was opened, by names that two of the same content share. */
  readonly identities: readonly string[];
  readonly syncs: number;
  readonly moments: number;
  /** Receipts, deliveries and other words about messages that were sent. */
  readonly told: number;
  readonly failures: readonly string[];
}

/**
 * Loses power at each sync of a recording, just before it ends and just after, and at times when something was sent, in many
 * ways; opens what is left.
 *
 * @param onImages told how many images were judged, now and then
 */
export async function judgeImages(task: ImagesTask, onImages: (count: number) => void): Promise<ImagesDone> {
  return new ImageJudge(task, onImages).run();
}

const syncs = ({ kind }: DiskCall): boolean => kind === "sync" || kind === "sync-directory";

/** A server that does not sync loses power too: after so many of what it sends. */
const SENDS_PER_MOMENT = 8;

/** At how many moments of a recording power is lost. */
export async function momentsOf({ log, data }: Recording): Promise<number> {
  let [syncCount, sends] = [0, 0];
  for await (const { call } of diskCallsOf(log, data)) {
    if (syncs(call)) syncCount++;
    if (call.kind === "send") sends++;
  }
  return 2 * syncCount + Math.floor(sends / SENDS_PER_MOMENT);
}

class ImageJudge {
  readonly #task: ImagesTask;
  readonly #onImages: (count: number) => void;
  readonly #random: Random;
  readonly #images: ImageDirectory;
  readonly #promises: Promises;
  readonly #disk = new RecordedDisk();
  readonly #seen = new Set<string>();
  readonly #failures: string[] = [];
  #moments = 0;
  /** How many images there should be by now. */
  #due = 0;

  constructor(task: ImagesTask, onImages: (count: number) => void) {
    this.#task = task;
    this.#onImages = onImages;
    this.#random = new Random(task.seed);
    this.#images = new ImageDirectory(task.directory);
    this.#promises = new Promises(task.recording.lines, task.recording.zeroMs);
  }

  async run(): Promise<ImagesDone> {
    const { log, data } = this.#task.recording;
    let [count, told, sends] = [0, 0, 0];
    for await (const { call, atMs } of diskCallsOf(log, data)) {
      if (this.#failures.length >= FAILURES_MAX) break;
      const moment = { line: call.begun, atMs };
      const isSync = syncs(call);
      if (isSync) count++;
      if (isSync) await this.#losePower(moment);
      if (call.kind === "send") told += this.#promises.sent(call.text, call.begun);
      this.#disk.apply(call);
      const isSend = call.kind === "send" && ++sends % SENDS_PER_MOMENT === 0;
      if (isSync || isSend) await this.#losePower({ line: call.ended, atMs });
    }
    return { identities: [...this.#seen], syncs: count, moments: this.#moments, told, failures: this.#failures };
  }

  async #losePower(moment: CrashMoment): Promise<void> {
    const { part, parts, imagesPerMoment } = this.#task;
    const number = this.#moments++;
    if (number % parts !== part && !(part === 0 && number < FIRST_MOMENTS)) return;
    this.#due += imagesPerMoment;
    const end = Math.min(this.#due, this.#seen.size + imagesPerMoment * CAUGHT_UP_MAX);
    for (let stale = 0; this.#seen.size < end && stale < STALE_MAX; ) {
      const files = this.#disk.crash(this.#random, differs);
      const identity = createHash("sha1").update(identityOf(files)).digest("base64");
      if (this.#seen.has(identity)) {
        stale++;
        continue;
      }
      this.#seen.add(identity);
      await this.#judge(files, moment);
      if (this.#failures.length >= FAILURES_MAX) return;
    }
    this.#onImages(this.#seen.size);
  }

  async #judge(files: readonly CrashedFile[], moment: CrashMoment): Promise<void> {
    this.#images.lay(files);
    const wrong = await judgeImage(this.#images.path, QUEUES, this.#promises, moment);
    for (const failure of wrong.slice(0, 3)) this.#failures.push(`power lost at line ${moment.line}: ${failure}`);
  }
}
