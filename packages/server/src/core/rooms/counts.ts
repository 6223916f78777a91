import type { CountedMessage, RoomCounts } from "../../room-watching.js";
import type { Device } from "./device.js";
import { type State, stateOf } from "./ledger.js";
import type { Member } from "./member.js";
import { WINDOW } from "./progress.js";
import type { Room } from "./room.js";

/** Counts to be summed up: at each message how many users more than at the one before it are in a state. */
type Steps = Record<State, Int32Array>;

/**
 * What `ledgerOf` counts, for many messages of a room at once. For one member the state of a message changes only at a few
 * sequences (where a device began, where its cursor is, what it failed to take), so each stretch between them is looked at
 * once, however many messages lie in it.
 *
 * @param messages by rising sequence
 */
export function countsOf(room: Room, messages: readonly CountedMessage[]): { readonly counts: RoomCounts[]; readonly cost: number } {
  const sequences = messages.map(({ sequence }) => sequence);
  const size = messages.length + 1;
  const steps: Steps = { delivered: new Int32Array(size), pending: new Int32Array(size), failed: new Int32Array(size) };
  let cost = messages.length;
  for (const member of room.members.values()) if (member.who.user !== undefined) cost += addMember(member, sequences, steps);
  for (const [index, { sequence, excluded }] of messages.entries()) {
    for (const number of excluded?.values() ?? []) {
      cost++;
      const member = room.members.get(number);
      if (member?.who.user !== undefined && member.since <= sequence) add(steps, stateOf(member, sequence), index, index + 1, -1);
    }
  }
  return { counts: summedUp(steps, messages.length), cost };
}

function summedUp(steps: Steps, count: number): RoomCounts[] {
  const counts: RoomCounts[] = [];
  let [delivered, pending, failed] = [0, 0, 0];
  for (let index = 0; index < count; index++) {
    delivered += steps.delivered[index] ?? 0;
    pending += steps.pending[index] ?? 0;
    failed += steps.failed[index] ?? 0;
    counts.push({ delivered, pending, failed });
  }
  return counts;
}

/** Adds a member to all messages that are for it; returns how many looks that took. */
function addMember(member: Member, sequences: readonly number[], steps: Steps): number {
  const first = indexFrom(sequences, member.since);
  let cost = 1;
  for (let from = first, cuts = cutsOf(member, sequences, first), next = 0; from < sequences.length; cost++) {
    while ((cuts[next] ?? Number.POSITIVE_INFINITY) <= (sequences[from] ?? 0)) next++;
    const cut = cuts[next];
    const to = cut === undefined ? sequences.length : indexFrom(sequences, cut);
    add(steps, stateOf(member, sequences[from] ?? 0), from, to, 1);
    from = to;
  }
  return cost;
}

/** Sequences of the messages from index `first` on where the state of one may be another than that of the message before it, rising. */
function cutsOf({ room, devices }: Member, sequences: readonly number[], first: number): number[] {
  const lowest = sequences[first] ?? Number.POSITIVE_INFINITY;
  const highest = sequences.at(-1) ?? 0;
  const cuts: number[] = [];
  const cut = (sequence: number): void => {
    if (sequence > lowest && sequence <= highest) cuts.push(sequence);
  };
  cut(room.head);
  for (const device of devices.values()) cutDevice(device, sequences, cut);
  return cuts.length > 1 ? cuts.sort((a, b) => a - b) : cuts;
}

function cutDevice({ start, progress, failed }: Device, sequences: readonly number[], cut: (sequence: number) => void): void {
  const { cursor } = progress;
  cut(start);
  cut(cursor);
  cut(progress.sessionSent);
  for (const { from, to } of failed) {
    cut(from);
    cut(to + 1);
  }
  if (progress.isRegular) return;
  // Some above the cursor are settled and others not: each is looked at.
  for (let index = indexFrom(sequences, cursor); (sequences[index] ?? Number.POSITIVE_INFINITY) < cursor + WINDOW; index++) {
    const sequence = sequences[index] ?? 0;
    cut(sequence);
    cut(sequence + 1);
  }
}

function add(steps: Steps, state: State, from: number, to: number, count: number): void {
  const of = steps[state];
  of[from] = (of[from] ?? 0) + count;
  of[to] = (of[to] ?? 0) - count;
}

/** The index of the first sequence that is not below `sequence`. */
function indexFrom(sequences: readonly number[], sequence: number): number {
  let [low, high] = [0, sequences.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sequences[middle] ?? 0) < sequence) low = middle + 1;
    else high = middle;
  }
  return low;
}
