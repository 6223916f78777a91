import { fileURLToPath } from "node:url";
import { pause } from "../torture/pause.js";
import { ProgramProcess } from "../torture/program-process.js";
import type { Heard, TalkerOrder, TalkerSpec, TalkerWord } from "./talker-spec.js";

const PROGRAM = fileURLToPath(new URL("./soak-talker.js", import.meta.url));
const POLL_MS = 200;
/** What was sent has so many times that to come. */
const POLLS_MAX = 300;
const SHOWN = 3;

/** What was confirmed to talkers, and what came of it. */
export interface Talked {
  readonly published: number;
  readonly emitted: number;
  /** First deliveries to all of them. */
  readonly heard: number;
  readonly gaps: number;
  readonly failures: readonly string[];
}

type TalkerProcess = ProgramProcess<TalkerOrder, TalkerWord>;

/** Clients in processes of their own, who publish to one queue and talk in one room. */
export class Talkers {
  readonly #talkers: TalkerProcess[] = [];

  /** They talk once all of them listen. */
  async begin(specs: readonly TalkerSpec[]): Promise<void> {
    for (const spec of specs) {
      const talker: TalkerProcess = new ProgramProcess(PROGRAM, spec.name, spec);
      this.#talkers.push(talker);
      await talker.says("ready");
    }
    for (const talker of this.#talkers) talker.tell("talk");
  }

  /** Nothing new is sent; gives what is missing or out of order once it had time to come. */
  async finish(): Promise<Talked> {
    const sent = await Promise.all(this.#talkers.map((talker) => ask(talker, "quiet")));
    const published = sent.flatMap((word) => word.published);
    const emitted = sent.flatMap((word) => word.emitted);
    let failures: string[] = [];
    let heard: Heard[] = [];
    for (let polls = 0; polls < POLLS_MAX; polls++) {
      const reports = await Promise.all(this.#talkers.map((talker) => ask(talker, "report")));
      heard = reports.map((report) => report.heard);
      failures = [...heard.flatMap(({ wrong }) => wrong.slice(0, SHOWN)), ...missing(published, emitted, heard)];
      // What is wrong does not get better.
      if (failures.length === 0 || heard.some(({ wrong }) => wrong.length > 0)) break;
      await pause(POLL_MS);
    }
    await Promise.all(this.#talkers.map((talker) => talker.stop("stop")));
    const count = (what: (one: Heard) => number): number => heard.reduce((sum, one) => sum + what(one), 0);
    return {
      published: published.length,
      emitted: emitted.length,
      heard: count((one) => one.heard.length),
      gaps: count((one) => one.gaps),
      failures,
    };
  }

  /** Ends those that still run. */
  async dispose(): Promise<void> {
    await Promise.all(this.#talkers.map((talker) => talker.kill()));
  }
}

function ask<Say extends "quiet" | "report">(talker: TalkerProcess, order: Say): Promise<Extract<TalkerWord, { readonly say: Say }>> {
  const heard = talker.says(order);
  talker.tell(order);
  return heard;
}

function missing(published: readonly string[], emitted: readonly string[], reports: readonly Heard[]): string[] {
  const handled = new Set(reports.flatMap((report) => report.handled));
  const failures: string[] = [];
  const lost = published.filter((id) => !handled.has(id));
  if (lost.length > 0) failures.push(`${lost.length} published and never handled, among them ${lost[0]}`);
  for (const [number, { heard }] of reports.entries()) {
    const known = new Set(heard);
    const missed = emitted.filter((id) => !known.has(id));
    if (missed.length > 0) failures.push(`${missed.length} emitted and never heard by member ${number + 1}, among them ${missed[0]}`);
  }
  return failures;
}
