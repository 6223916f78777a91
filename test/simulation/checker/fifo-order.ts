import type { Copies, Copy } from "./copy.js";
import type { Lease } from "./lease.js";
import { type Fates, finishedAt } from "./order.js";
import { addTo, type Run } from "./run.js";
import type { Report } from "./violation.js";

interface Step {
  readonly index: number;
  readonly lease: Lease;
  readonly delivered: boolean;
}

/** A line of messages of which some wait, and the first that does. */
class Waiting {
  readonly #copies: readonly Copy[];
  readonly #rank: Map<Copy, number>;
  readonly #finished: readonly number[];
  /** The lease each is in flight under, unless that is surely over. */
  readonly #lease = new Map<Copy, Lease>();
  #first = 0;

  constructor(copies: readonly Copy[], fates: Fates) {
    this.#copies = copies;
    this.#rank = new Map(copies.map((copy, rank) => [copy, rank]));
    this.#finished = copies.map((copy) => finishedAt(fates.get(copy) ?? []));
  }

  first(index: number): Copy | undefined {
    for (let copy = this.#copies[this.#first]; copy !== undefined; copy = this.#copies[++this.#first]) {
      if (!this.#lease.has(copy) && (this.#finished[this.#first] ?? 0) > index) return copy;
    }
    return undefined;
  }

  take(lease: Lease): void {
    this.#lease.set(lease.copy, lease);
  }

  giveBack(lease: Lease): void {
    if (this.#lease.get(lease.copy) !== lease) return;
    this.#lease.delete(lease.copy);
    this.#first = Math.min(this.#first, this.#rank.get(lease.copy) ?? 0);
  }
}

/**
 * Judges `fifo` queues: deliveries come in order, so none while an earlier message surely waits; and all that is in
 * flight is with one consumer. A lease is taken to be open until it is surely over, and over as soon as it may be,
 * whichever is milder. Delayed messages take a place in between and are left out.
 */
export function checkFifoOrder(run: Run, copies: Copies, fates: Fates, report: Report): void {
  const lines = new Map<string, Copy[]>();
  for (const copy of copies.all) {
    const delayed = copy.identity.publishes.some(({ invoked }) => (invoked.delayMs ?? 0) > 0);
    if (copy.queue.settings.ordering === "fifo" && !delayed) addTo(lines, copy.queue.name, copy);
  }
  for (const line of lines.values()) {
    line.sort((a, b) => a.sequence - b.sequence);
    checkLine(run, line, fates, report);
  }
}

function checkLine(run: Run, line: readonly Copy[], fates: Fates, report: Report): void {
  const waiting = new Waiting(line, fates);
  const steps: Step[] = [];
  for (const lease of line.flatMap((copy) => copy.leases)) {
    steps.push({ index: lease.delivery.index, lease, delivered: true });
    const over = Math.max(lease.sureEnd, lease.delivery.index + 0.5);
    if (over <= run.timeline.lastIndex) steps.push({ index: over, lease, delivered: false });
  }
  steps.sort((a, b) => a.index - b.index);
  const held = new Map<string, Lease[]>();
  for (const { index, lease, delivered } of steps) {
    if (!delivered) {
      waiting.giveBack(lease);
      continue;
    }
    const first = waiting.first(index);
    if (first !== undefined && first.sequence < lease.copy.sequence)
      report.add(
        "overtaken",
        `${lease} came while ${first} waited`,
        first.lastLease?.delivery.index ?? first.published?.doneIndex ?? -1,
        index,
      );
    waiting.take(lease);
    checkHolder(lease, held, report);
  }
}

function checkHolder(lease: Lease, held: Map<string, Lease[]>, report: Report): void {
  const { consumer, index } = lease.delivery;
  for (const [other, leases] of held) {
    if (other === consumer) continue;
    const open = leases.filter(({ mayEnd }) => mayEnd > index);
    const [first] = open;
    if (first === undefined) held.delete(other);
    else held.set(other, open);
    if (first !== undefined)
      report.add("key-overlap", `${lease} went to ${consumer} while ${first} was in flight at ${other}`, first.delivery.index, index);
  }
  addTo(held, consumer, lease);
}
