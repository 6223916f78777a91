import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { whyNoMount } from "../../crash/small-disk.js";
import { whyNoStrace } from "../../crash/strace.js";
import { check } from "../../simulation/checker.js";
import { SABOTAGES, type Sabotage } from "../../simulation/sabotage.js";
import { OWN_PUBLISH_SABOTAGES } from "../../simulation/sabotage-own-publishes.js";
import { ROOM_SABOTAGES } from "../../simulation/sabotage-rooms.js";
import { simulate } from "../../simulation/simulate.js";
import { employ, whyNoMemory } from "../power/employ.js";
import { record } from "../power/recording.js";
import { type Row, type RowContext, scaled } from "../row.js";

const SEEDS_MAX = 300;
const OPERATIONS = 600;

/** Bugs put into a real server by a module that it loads first, and what a loss of power must then show. */
const REAL_BUGS = [
  {
    bug: "a server that confirms before the sync has written anything",
    finds: /lost:/,
    source: "fs.fdatasync = (descriptor, done) => setImmediate(done, null);",
  },
  {
    bug: "a server that syncs before it writes",
    finds: /lost:/,
    source: `
      const { writeSync, fdatasync } = fs;
      const late = new Map();
      fs.writeSync = (descriptor, bytes, offset, length, position) => {
        if (position === undefined || length > 100_000) return writeSync(descriptor, bytes, offset, length, position);
        const copy = Buffer.from(bytes.subarray(offset, offset + length));
        late.set(descriptor, [...(late.get(descriptor) ?? []), () => writeSync(descriptor, copy, 0, length, position)]);
        return length;
      };
      fs.fdatasync = (descriptor, done) => fdatasync(descriptor, (error) => {
        for (const write of late.get(descriptor) ?? []) write();
        late.delete(descriptor);
        done(error);
      });`,
  },
] as const;

/** Whether the simulation finds a bug within so many seeds. */
async function simulationFinds({ kind, apply }: Sabotage): Promise<boolean> {
  const takeOut = apply();
  try {
    for (let seed = 1; seed <= SEEDS_MAX; seed++) {
      // A sabotaged engine may fall over; what it did to messages shows under another seed.
      const history = await simulate(seed, OPERATIONS).catch(() => []);
      if (check(history).some((violation) => violation.kind === kind)) return true;
    }
    return false;
  } finally {
    takeOut();
  }
}

async function powerFinds({ source, finds, bug }: (typeof REAL_BUGS)[number], { directory, random }: RowContext): Promise<boolean> {
  const own = join(directory, bug.replaceAll(" ", "-"));
  mkdirSync(own);
  const planted = join(own, "planted.cjs");
  writeFileSync(planted, `const fs = require("node:fs");\n${source}\nrequire("node:module").syncBuiltinESMExports();\n`);
  const recording = await record({ directory: own, seed: random.below(2 ** 31), ms: 1_500, planted });
  const { failures } = await employ({ recording, seed: 1, part: 0, parts: 1, imagesPerMoment: 6 }, () => undefined);
  return failures.some((failure) => finds.test(failure));
}

export const planted: Row = {
  number: 9,
  title: "Planted bugs",
  method:
    "Bugs are put into the engine one by one, and the simulation of row 8 must name each; others into a real server, and row 3 must find them.",
  target: "20 of 20 caught",
  fullMinutes: 6,
  missing: () => whyNoStrace() ?? whyNoMount() ?? whyNoMemory(),
  async run(context) {
    const sabotages = [...SABOTAGES, ...ROOM_SABOTAGES, ...OWN_PUBLISH_SABOTAGES];
    const chosen = sabotages.slice(0, scaled(sabotages.length, context.scale));
    const failures: string[] = [];
    let tried = 0;
    const note = (bug: string, found: boolean): void => {
      if (!found) failures.push(`not caught: ${bug}`);
      context.progress(`${++tried} bugs`);
    };
    for (const sabotage of chosen) note(`${sabotage.bug}: ${sabotage.kind}`, await simulationFinds(sabotage));
    for (const bug of REAL_BUGS) note(bug.bug, await powerFinds(bug, context));
    return { figure: `${tried - failures.length} of ${tried} caught`, failures, complete: chosen.length === sabotages.length };
  },
};
