import { mayHaveHappened } from "./calls.js";
import { type Copies, type Copy, isRedriven } from "./copy.js";
import type { Run } from "./run.js";
import type { Report } from "./violation.js";

/** What one redrive brought back has new sequences in the order of the dead letters, as far as theirs are known. */
export function checkRedriveOrder(run: Run, copies: Copies, report: Report): void {
  for (const queue of run.queues.values()) {
    const calls = queue.redrives.filter(mayHaveHappened);
    if (calls.length === 0) continue;
    const dead = deadSequences(run, copies, queue.settings.deadLetters);
    for (const { invoked, ok } of calls) {
      // With another redrive under way it is not clear which one brought a message back.
      if (
        ok === undefined ||
        calls.some((other) => other.invoked !== invoked && other.doneIndex > invoked.index && other.invoked.index < ok.index)
      )
        continue;
      const later = calls.find((other) => other.invoked.index > ok.index)?.invoked.index ?? Number.POSITIVE_INFINITY;
      const back: { copy: Copy; dead: number }[] = [];
      for (const { id, copies: all } of copies.identities.values()) {
        const [copy, ...more] = all.filter((one) => one.queue === queue && isRedriven(one));
        const known = dead.get(id);
        if (copy === undefined || more.length > 0 || known === undefined || known.length !== 1) continue;
        if (copy.firstSeen > invoked.index && copy.firstSeen < later && known[0] !== undefined) back.push({ copy, dead: known[0] });
      }
      back.sort((a, b) => a.dead - b.dead);
      for (let at = 1; at < back.length; at++) {
        const [first, second] = [back[at - 1], back[at]];
        if (first !== undefined && second !== undefined && first.copy.sequence > second.copy.sequence)
          report.add("redrive", `${second.copy} came back before ${first.copy}, which died first`, invoked.index, ok.index);
      }
    }
  }
}

/** The sequences an id was seen to have in the dead letters. */
function deadSequences(run: Run, copies: Copies, names: readonly string[]): Map<string, number[]> {
  const found = new Map<string, Set<number>>();
  const note = (id: string, sequence: number): void => {
    found.set(id, (found.get(id) ?? new Set()).add(sequence));
  };
  for (const name of names) for (const { messages } of run.queue(name).peeks) for (const { id, sequence } of messages) note(id, sequence);
  for (const { queue, identity, sequence } of copies.all) if (names.includes(queue.name)) note(identity.id, sequence);
  return new Map([...found].map(([id, sequences]) => [id, [...sequences]]));
}
