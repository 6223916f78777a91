import type { Copies, Copy } from "./copy.js";
import type { Ending } from "./fate.js";
import type { Lease } from "./lease.js";
import { addTo, type Run } from "./run.js";
import type { Timeline } from "./timeline.js";
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
  /** Places of one span are compared by their times: all, or when the clock went back those of one life. */
  readonly span: number | undefined;
}

/** Judges the order of each key, and of each `fifo` queue: O1, O2. */
export function checkKeyOrder(run: Run, copies: Copies, fates: Fates, report: Report): void {
  const keys = new Map<string, Copy[]>();
  for (const copy of copies.all) if (copy.queue.settings.ordering === "key") addTo(keys, `${copy.queue.name}\n${copy.key}`, copy);
  for (const ofKey of keys.values()) {
    const places = ofKey.map((copy) => placeOf(copy, fates.get(copy) ?? [], run.timeline));
    const leases = ofKey.flatMap((copy) => copy.leases).sort((a, b) => a.delivery.index - b.delivery.index);
    checkLine(places, leases, report);
  }
}

/** From when on a message may have been finished. */
export const finishedAt = (endings: readonly Ending[]): number => Math.min(NEVER, ...endings.map(({ from }) => from));

function placeOf(copy: Copy, endings: readonly Ending[], timeline: Timeline): Place {
  const finished = finishedAt(endings);
  const durable = Math.min(NEVER, ...endings.map((ending) => ending.durable));
  const { storedAt } = copy;
  const delays = copy.sources.map(({ invoked }) => invoked.delayMs ?? 0);
  const delayed = delays.some((delayMs) => delayMs > 0);
  if (storedAt === undefined) {
    // It came by a redrive, to the tail; whether a delay holds again is not said.
    const unclear = copy.identity.publishes.some(({ invoked }) => (invoked.delayMs ?? 0) > 0);
    return { copy, finished, durable, entersMin: -NEVER, entersMax: NEVER, delayed: unclear, span: undefined };
  }
  const entersMin = storedAt.min + Math.min(...delays);
  const entersMax = storedAt.max + Math.max(...delays);
  return { copy, finished, durable, entersMin, entersMax, delayed, span: spanOf(copy, entersMax, timeline) };
}

/** A life in which a message was stored, and due. */
function spanOf({ published }: Copy, entersMax: number, timeline: Timeline): number | undefined {
  if (!timeline.wentBack) return 0;
  const stored = published === undefined ? undefined : timeline.lifeOf(published.invoked.index, published.doneIndex);
  return stored !== undefined && entersMax <= stored.until ? stored.life : undefined;
}

/**
 * Every delivery is held by the earlier messages of its line until they are finished on disk. Earlier is what has a
 * lower sequence and no delay, for that was in line before; or what surely took its place at an earlier time. When the
 * clock went back between two lives the time tells something of one life alone: what was due in it before another message
 * was stored in it comes before that for ever.
 *
 * Finished messages never come back, so both orders are walked once.
 */
function checkLine(places: readonly Place[], leases: readonly Lease[], report: Report): void {
  const placeOfCopy = new Map(places.map((place) => [place.copy, place]));
  const bySequence = places.filter(({ delayed }) => !delayed).sort((a, b) => a.copy.sequence - b.copy.sequence);
  const spans = new Map<number, Place[]>();
  for (const place of places) if (place.span !== undefined && place.entersMax < NEVER) addTo(spans, place.span, place);
  for (const span of spans.values()) span.sort((a, b) => b.entersMax - a.entersMax);
  let first = 0;
  for (const lease of leases) {
    const { index } = lease.delivery;
    const place = placeOfCopy.get(lease.copy);
    if (place === undefined) continue;
    while (isFinished(bySequence[first], index)) first++;
    const byTime = place.span === undefined ? [] : (spans.get(place.span) ?? []);
    while (isFinished(byTime.at(-1), index)) byTime.pop();
    const lower = bySequence[first];
    const sooner = byTime.at(-1);
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
