import { join } from "node:path";
import { whyNoMount } from "../../crash/small-disk.js";
import { whyNoStrace } from "../../crash/strace.js";
import type { CaughtBy, PlantedBug } from "../planted/bug.js";
import { DISK_BUGS } from "../planted/disk-bugs.js";
import { type Catch, Hunt } from "../planted/hunt.js";
import { QUEUE_BUGS } from "../planted/queue-bugs.js";
import { ROOM_BUGS } from "../planted/room-bugs.js";
import { SourceCopy } from "../planted/source-copy.js";
import { whyNoMemory } from "../power/employ.js";
import { type Row, scaled } from "../row.js";

/** By what they are bugs of. */
const BUGS = [QUEUE_BUGS, ROOM_BUGS, DISK_BUGS];
const BUGS_COUNT = BUGS.flat().length;
const FOUND_SHOWN = 3;
/** Looks for nothing, to the end. */
const NOTHING: { readonly [By in CaughtBy["by"]]: Extract<CaughtBy, { readonly by: By }> } = {
  simulation: { by: "simulation", kinds: [] },
  kills: { by: "kills", kinds: [] },
  conformance: { by: "conformance", fails: /^$/ },
  power: { by: "power", finds: /^$/ },
};

/** About so many of the bugs, and of each kind one at least; which ones is left to chance. */
function choose(count: number, below: (bound: number) => number): PlantedBug[] {
  if (count >= BUGS_COUNT) return BUGS.flat();
  return BUGS.flatMap((bugs) => {
    const share = Math.max(1, Math.round((count * bugs.length) / BUGS_COUNT));
    const first = below(bugs.length);
    return Array.from({ length: share }, (_, index) => bugs[(first + index) % bugs.length] ?? []).flat();
  });
}

export const planted: Row = {
  number: 9,
  title: "Planted bugs",
  method:
    "Bugs are put into a copy of the sources one by one, as small patches (`test/torture/planted`), and what is built of it is simulated (row 8), killed, loses power (row 3) or has to conform, which must show the violation that belongs to the bug. The same runs of a copy without a bug must show none. A patch that does not apply any more fails the row.",
  target: "20 of 20 caught",
  fullMinutes: 8,
  missing: () => whyNoStrace() ?? whyNoMount() ?? whyNoMemory(),
  async run(context) {
    const copy = new SourceCopy(join(context.directory, "sources"));
    for (const { edits } of BUGS.flat()) copy.plant(edits)();
    const hunt = new Hunt(copy, context);
    const chosen = choose(scaled(BUGS_COUNT, context.scale), (bound) => context.random.below(bound));
    const failures: string[] = [];
    const efforts = new Map<CaughtBy["by"], number>();
    let caught = 0;
    for (const bug of chosen) {
      context.progress(`${caught} bugs caught, ${bug.bug}`);
      const result = await hunted(hunt, copy, bug);
      const { by } = bug.caught;
      efforts.set(by, Math.max(efforts.get(by) ?? 0, result.effort));
      if (result.caught) caught++;
      else failures.push(`not caught: ${bug.bug}; found: ${result.found.slice(0, FOUND_SHOWN).join("; ") || "nothing"}`);
    }
    for (const [by, effort] of efforts) {
      context.progress(`${by} without a bug`);
      const { found } = await hunt.run(NOTHING[by], effort);
      for (const wrong of found.slice(0, FOUND_SHOWN)) failures.push(`found by ${by} where nothing is planted: ${wrong}`);
    }
    return { figure: `${caught} of ${chosen.length} caught`, failures, complete: chosen.length === BUGS_COUNT };
  },
};

async function hunted(hunt: Hunt, copy: SourceCopy, { edits, caught }: PlantedBug): Promise<Catch> {
  const takeOut = copy.plant(edits);
  try {
    return await hunt.run(caught);
  } catch (error) {
    return { caught: false, found: [error instanceof Error ? error.message : String(error)], effort: 0 };
  } finally {
    takeOut();
  }
}
