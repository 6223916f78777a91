import { mayHaveHappened } from "./calls.js";
import { type Copies, type Copy, type Identity, isRedriven } from "./copy.js";
import type { QueueRun } from "./queue-run.js";
import type { Run } from "./run.js";
import type { Report } from "./violation.js";

/** What one redrive brought back has new sequences in the order of the dead letters, as far as theirs are known. */
export function checkRedriveOrder(run: Run, copies: Copies, report: Report): void {
  for (const queue of run.queues.values()) {
    const calls = queue.redrives.filter(mayHaveHappened).sort((a, b) => a.invoked.index - b.invoked.index);
    if (calls.length === 0) continue;
    const sights = sightsOf(run, copies, queue.settings.deadLetters);
    let before = -1;
    for (const [at, call] of calls.entries()) {
      const next = calls[at + 1]?.invoked.index ?? Number.POSITIVE_INFINITY;
      // With another redrive under way it is not clear which one brought a message back.
      if (call.ok !== undefined && call.doneIndex < next && before < call.invoked.index)
        checkCall(queue, call.invoked.index, call.ok.index, next, copies, deadBetween(sights, before, call.invoked.index), report);
      before = Math.max(before, call.doneIndex);
    }
  }
}

function checkCall(
  queue: QueueRun,
  invoked: number,
  done: number,
  next: number,
  copies: Copies,
  dead: ReadonlyMap<string, number>,
  report: Report,
): void {
  const back: { copy: Copy; dead: number }[] = [];
  for (const identity of copies.identities.values()) {
    const known = dead.get(identity.id);
    const [copy, ...more] = identity.copies.filter((one) => one.queue === queue && isRedriven(one));
    if (copy === undefined || more.length > 0 || known === undefined || !isOneMessage(identity)) continue;
    if (copy.firstSeen > invoked && copy.firstSeen < next) back.push({ copy, dead: known });
  }
  back.sort((a, b) => a.dead - b.dead);
  for (let at = 1; at < back.length; at++) {
    const [first, second] = [back[at - 1], back[at]];
    if (first !== undefined && second !== undefined && first.copy.sequence > second.copy.sequence)
      report.add("redrive", `${second.copy} came back before ${first.copy}, which died first`, invoked, done);
  }
}

/** Whether the id surely means one message: another one may have died later, where nobody saw it. */
const isOneMessage = ({ publishes }: Identity): boolean => {
  const stored = publishes.filter(mayHaveHappened);
  return stored.length === 1 || stored.every(({ invoked }) => invoked.producer !== undefined);
};

/** Where and when an id was seen among the dead letters. */
interface Sight {
  readonly id: string;
  readonly sequence: number;
  /** Between this event and that one. */
  readonly since: number;
  readonly index: number;
}

function sightsOf(run: Run, copies: Copies, names: readonly string[]): Sight[] {
  const peeks = names.flatMap((name) => run.queue(name).peeks);
  const peeked = peeks.flatMap(({ messages, index, since = index }) =>
    messages.map(({ id, sequence }) => ({ id, sequence, since, index })),
  );
  const delivered = copies.leases
    .filter(({ copy }) => names.includes(copy.queue.name))
    .map(({ copy, delivery }) => ({ id: copy.identity.id, sequence: copy.sequence, since: delivery.index, index: delivery.index }));
  return [...peeked, ...delivered];
}

/** The sequences of letters seen between two events, of each id the one that it had. */
function deadBetween(sights: readonly Sight[], after: number, before: number): Map<string, number> {
  const found = new Map<string, number>();
  const unclear = new Set<string>();
  for (const { id, sequence, since, index } of sights) {
    if (since <= after || index >= before) continue;
    if ((found.get(id) ?? sequence) !== sequence) unclear.add(id);
    found.set(id, sequence);
  }
  for (const id of unclear) found.delete(id);
  return found;
}
