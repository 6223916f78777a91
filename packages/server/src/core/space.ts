import { type ErrorReply, HoldfastError } from "holdfast-client/protocol";
import { errorReply } from "../error-reply.js";
import type { Queue } from "./queue.js";

/** Makes space in a queue by letting messages go; the core is one. */
export interface SpaceMaker {
  /** The oldest message that is neither in flight nor delayed dies; false when there is none at hand. */
  evictOldest(queue: Queue, now: number): boolean;
}

/** Messages that one publish may push out at most: a limit that was lowered is reached by several. */
const EVICTED_MAX = 1_000;

/** Messages that are to be stored together. */
export interface Together {
  readonly count: number;
  readonly bytes: number;
  /** Bytes of the largest. */
  readonly largest: number;
  /** Those that are there at once at least, and their bytes: each of them with all before it that are delayed, and do not give way. */
  readonly staying: { readonly count: number; readonly bytes: number };
}

/** Whether so many messages more are within the queue's limits. */
export const fits = (queue: Queue, count: number, bytes: number): boolean => isWithinLimits(queue, queue.live + count, queue.bytes + bytes);

/**
 * Sees to it that one message more fits, or says why it cannot be stored.
 *
 * @param must it was promised to be stored, as part of an array
 */
export function makeSpace(queue: Queue, bytes: number, maker: SpaceMaker, must: boolean, now: number): ErrorReply | undefined {
  const { bytesMax, overflow } = queue.options;
  if (fits(queue, 1, bytes)) return undefined;
  if (bytesMax > 0 && bytes > bytesMax) return tooLarge(queue, bytes);
  if (overflow === "reject" || !canMakeSpace(queue, 1, bytes)) return must ? undefined : full(queue);
  for (let evicted = 0; evicted < EVICTED_MAX && !fits(queue, 1, bytes); evicted++) {
    if (!maker.evictOldest(queue, now)) return must ? undefined : full(queue);
  }
  return undefined;
}

/** Why not all of these messages fit; undefined when they do or space can be made. */
export function refusalOfAll(queue: Queue, { count, bytes, largest, staying }: Together): ErrorReply | undefined {
  const { bytesMax, overflow } = queue.options;
  // With nothing that is new there is nothing to refuse, also above a limit that was lowered.
  if (count === 0 || fits(queue, count, bytes)) return undefined;
  if (bytesMax > 0 && largest > bytesMax) return tooLarge(queue, largest);
  // The first of the array can give way for the last of it.
  const least = overflow === "reject" ? { count, bytes } : staying;
  if (!isWithinLimits(queue, least.count, least.bytes)) return neverFits(queue, least.count, least.bytes);
  return overflow !== "reject" && canMakeSpace(queue, staying.count, staying.bytes) ? undefined : full(queue);
}

/** Whether the queue may have so many in all. */
function isWithinLimits({ options: { depthMax, bytesMax } }: Queue, count: number, bytes: number): boolean {
  return (depthMax === 0 || count <= depthMax) && (bytesMax === 0 || bytes <= bytesMax);
}

/** Whether so many more fit once all gave way that is neither in flight nor delayed. What gives way for nothing would be lost for nothing. */
function canMakeSpace(queue: Queue, count: number, bytes: number): boolean {
  const { inFlight, delays, options } = queue;
  // To count it takes a look at each lease.
  const staying = options.bytesMax === 0 ? 0 : bytesInFlight(queue);
  return isWithinLimits(queue, inFlight + delays.count + count, staying + delays.bytes + bytes);
}

function bytesInFlight(queue: Queue): number {
  let bytes = 0;
  for (const { leases, irregular } of queue.consumers) {
    for (const lease of leases.values()) bytes += lease.size;
    for (const lease of irregular.values()) bytes += lease.size;
  }
  return bytes;
}

function full({ name, live, bytes, options: { depthMax, bytesMax } }: Queue): ErrorReply {
  const depth = depthMax > 0 ? [`depth is ${live}, depthMax ${depthMax}`] : [];
  const size = bytesMax > 0 ? [`it has ${bytes} bytes, bytesMax ${bytesMax}`] : [];
  return errorReply(new HoldfastError("QUEUE_FULL", `queue ${name} is full: ${[...depth, ...size].join("; ")}`));
}

/** Not retryable: whoever tried again would try for ever. */
function neverFits({ name, options: { depthMax, bytesMax } }: Queue, count: number, bytes: number): ErrorReply {
  const isTooMany = depthMax > 0 && count > depthMax;
  const what = isTooMany ? `${count} messages at once, depthMax is ${depthMax}` : `${bytes} bytes at once, bytesMax is ${bytesMax}`;
  return errorReply(new HoldfastError("QUEUE_FULL", `queue ${name} never has room for ${what}`, false));
}

const tooLarge = ({ name, options: { bytesMax } }: Queue, bytes: number): ErrorReply =>
  errorReply(new HoldfastError("TOO_LARGE", `a message takes ${bytes} bytes, queue ${name} holds at most ${bytesMax} in all`));
