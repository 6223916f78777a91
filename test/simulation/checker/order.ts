import type { Copies, Copy } from "./copy.js";
import type { Ending } from "./fate.js";
import type { Lease } from "./lease.js";
import { addTo, type Run } from "./run.js";
import type { Report } from "./violation.js";

export type Fates = ReadonlyMap<Copy, readonly Ending[]>;

const NEVER = Number.POSITIVE_INFINITY;

/** A message in its line, and from when on it may have been finished. */
interface Place {
  readonly copy: Copy;
  readonly finished: number;
  /** The same, once that is on disk. */
  readonly durable: number;
  /** Bounds of the time at which it takes its place: when it was stored, or is due. */
  readonly entersMin: number;
  readonly entersMax: number;
  readonly delayed: boolean;
}

/** Judges the order of each key, and of each `fifo` queue: O1, O2. */
export function checkKeyOrder(run: Run, copies: Copies, fates: Fates, report: Report): void {
  const keys = new Map<string, Copy[]>();
  for (const copy of copies.all) if (copy.queue.settings.ordering === "key") addTo(keys, `${copy.queue.name}\n${copy.key}`, copy);
  for (const ofKey of keys.values()) {
    const places = ofKey.map((copy) => placeOf(copy, fates.get(copy) ?? []));
    const leases = ofKey.flatMap((copy) => copy.leases).sort((a, b) => a.delivery.index - b.delivery.index);
    checkLine(places, leases, run.timeline.wentBack, report);
  }
}

export function placeOf(copy: Copy, endings: readonly Ending[]): Place {
  const finished = Math.min(NEVER, ...endings.map(({ from }) => from));
  const durable = Math.min(NEVER, ...endings.map((ending) => ending.durable));
  const { storedAt } = copy;
  const delays = copy.sources.map(({ invoked }) => invoked.delayMs ?? 0);
  const delayed = delays.some((delayMs) => delayMs > 0);
  if (storedAt === undefined) {
    // It came by a redrive, to the tail; whether a delay holds again is not said.
    const unclear = copy.identity.publishes.some(({ invoked }) => (invoked.delayMs ?? 0) > 0);
    return { copy, finished, durable, entersMin: -NEVER, entersMax: NEVER, delayed: unclear };
  }
  const entersMin = storedAt.min + Math.min(...delays);
  return { copy, finished, durable, entersMin, entersMax: storedAt.max + Math.max(...delays), delayed };
}

/**
 * Every delivery is held by the earlier messages of its line until they are finished on disk. Earlier is what has a
 * lower sequence and no delay, for that was in line before; or what surely took its place at an earlier time. The time
 * tells nothing when the clock went back between two lives.
 *
 * Finished messages never come back, so both orders are walked once.
 */
function checkLine(places: readonly Place[], leases: readonly Lease[], wentBack: boolean, report: Report): void {
  const placeOfCopy = new Map(places.map((place) => [place.copy, place]));
  const bySequence = places.filter(({ delayed }) => !delayed).sort((a, b) => a.copy.sequence - b.copy.sequence);
  const byTime = wentBack ? [] : places.filter(({ entersMax }) => entersMax < NEVER).sort((a, b) => a.entersMax - b.entersMax);
  let first = 0;
  let earliest = 0;
  for (const lease of leases) {
    const { index } = lease.delivery;
    const place = placeOfCopy.get(lease.copy);
    if (place === undefined) continue;
    while (isFinished(bySequence[first], index)) first++;
    while (isFinished(byTime[earliest], index)) earliest++;
    const lower = bySequence[first];
    const sooner = byTime[earliest];
    if (lower !== undefined && lower.copy.sequence < lease.copy.sequence) reportHeld(lower, lease, report);
    else if (sooner !== undefined && sooner.copy !== lease.copy && sooner.entersMax < place.entersMin) reportHeld(sooner, lease, report);
  }
}

const isFinished = (place: Place | undefined, index: number): boolean => place !== undefined && place.durable <= index;

function reportHeld({ copy, finished, durable }: Place, lease: Lease, report: Report): void {
  const { index } = lease.delivery;
  const held = copy.leases.findLast(({ delivery }) => delivery.index < index);
  if (held !== undefined && finished <= index) {
    const end = durable === NEVER ? "never" : `from event ${durable} on`;
    report.add("key-overlap", `${lease} came before the end of ${held} was on disk (${end})`, held.delivery.index, finished, index);
  } else if (held !== undefined && held.sureEnd > index) {
    report.add("key-overlap", `${lease} came while ${held} was in flight`, held.delivery.index, index);
  } else {
    report.add("overtaken", `${lease} came before ${copy} was finished`, held?.delivery.index ?? copy.published?.doneIndex ?? -1, index);
  }
}
