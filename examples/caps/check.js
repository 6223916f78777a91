// Judges a day by what everybody reported, and by the hub's own counts.

const STATES = ["in-transit", "delivered"];

/**
 * What is wrong, in words: nothing, when each parcel was told of once per state, in order, and none was missed.
 *
 * @param counts of the queue of pickups; undefined when nobody could ask
 */
export function complaintsOf(events, counts) {
  const complaints = [];
  const ordered = events.filter(({ did }) => did === "orders");
  const heard = events.filter(({ did }) => did === "hears");

  for (const { who, orderId } of ordered) {
    const states = heard.filter((event) => event.who === who && event.orderId === orderId).map(({ state }) => state);
    if (states.join() !== STATES.join())
      complaints.push(`${who} heard "${states.join(", ")}" of ${orderId}, expected "${STATES.join(", ")}"`);
  }
  for (const { who, orderId } of heard)
    if (!ordered.some((event) => event.who === who && event.orderId === orderId))
      complaints.push(`${who} heard of ${orderId}, which it never ordered`);

  // The hub numbers the changes of a vendor in the order in which they were stored.
  for (const who of new Set(heard.map((event) => event.who))) {
    const sequences = heard.filter((event) => event.who === who).map(({ sequence }) => sequence);
    for (const [at, sequence] of sequences.entries())
      if (at > 0 && sequence <= sequences[at - 1]) complaints.push(`${who} heard number ${sequence} after number ${sequences[at - 1]}`);
  }

  if (counts === undefined) return complaints;
  const { ready, inFlight, delayed, dead, acked } = counts;
  const left = ready + inFlight + delayed + dead;
  if (left > 0) complaints.push(`${ready} pickups are ready, ${inFlight} in flight, ${delayed} delayed, ${dead} dead, expected none`);
  if (acked !== ordered.length) complaints.push(`${acked} pickups are done, expected ${ordered.length}`);
  return complaints;
}
