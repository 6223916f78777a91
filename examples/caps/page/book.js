// What this browser was told of parcels. A page that is closed forgets everything, and the hub does not tell again what was
// acked; so each change is written down before it is acked.

const PLACE = "caps-book";
/** Older ones go: the page is for today's parcels. */
const CHANGES_MAX = 400;

/** Changes as { store, sequence, orderId, customer, state, driver }, in the order in which they came. */
export const read = () => JSON.parse(localStorage.getItem(PLACE) ?? "[]");

const write = (changes) => localStorage.setItem(PLACE, JSON.stringify(changes.slice(-CHANGES_MAX)));

/** Writes a change down. It may come twice (the hub was killed just after the ack), and is then known by its sequence. */
export function add(change) {
  const changes = read();
  if (changes.some(({ store, sequence }) => store === change.store && sequence === change.sequence)) return;
  write([...changes, change]);
}

/** The hub goes on with `sequence`: what the book has from there on comes again, or is of a hub that was set up anew. */
export function goOnFrom(store, sequence) {
  write(read().filter((change) => change.store !== store || change.sequence < sequence));
}

/** Which device of the page's user this browser is: it has a cursor of its own in each room. */
export function device() {
  localStorage.setItem("caps-device", localStorage.getItem("caps-device") ?? crypto.randomUUID());
  return localStorage.getItem("caps-device");
}

/** Calls `listener` when another tab has written. */
export const onOtherTab = (listener) => addEventListener("storage", listener);
