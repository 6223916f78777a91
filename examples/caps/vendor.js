// A vendor: hands parcels over to whoever drives, and wants to know what becomes of each.
//
//   node examples/caps/vendor.js acme-widgets [--parcels 5] [--every-ms 1000] [--url http://127.0.0.1:3000]
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { connect } from "holdfast-client";
import { onStop, tell } from "./say.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    parcels: { type: "string", default: "5" },
    "every-ms": { type: "string", default: "1000" },
    url: { type: "string", default: "http://127.0.0.1:3000" },
  },
});
const store = positionals[0] ?? "acme-widgets";

// Connects in the background, and again when the hub was away. The room is asked for in the same turn: what was missed comes
// right after the connect.
const hub = connect(`${values.url}/caps`, { auth: { user: store }, reconnectionDelayMax: 1_000 });
const changes = hub.room(store);

const stopping = onStop(async () => {
  await hub.close(); // waits until handlers are done and what was published is stored
  tell(store, "closes", { did: "closes" });
});

// A change comes until this vendor has acked it, which it does when the handler returns. So it comes at least once: if the
// hub is killed just after an ack, once more. Sequences only rise, so a number that is not above the last one was here.
let last = 0;
const hear = (state) => (parcel, delivery) => {
  if (delivery.sequence <= last) return;
  last = delivery.sequence;
  const { orderId, customer } = parcel;
  const driver = delivery.headers?.driver;
  const text = state === "delivered" ? `${driver} delivered ${orderId} to ${customer}` : `${driver} is on the way with ${orderId}`;
  tell(store, `hears: ${text}`, { did: "hears", orderId, state, sequence: delivery.sequence });
};
changes.on("in-transit", hear("in-transit"));
changes.on("delivered", hear("delivered"));

// Once a member, always a member: also while this process does not run, until it says `leave`.
await changes.join();

const CUSTOMERS = ["Ada Byrne", "Chidi Okoye", "Emma Lind", "Goran Horvat", "Ines Kato", "Kim Larsen", "Mia Nowak"];
const pickups = hub.queue("pickup");
for (let number = 1; number <= Number(values.parcels) && !stopping.aborted; number++) {
  const orderId = `${store}-${randomUUID().slice(0, 8)}`;
  const customer = CUSTOMERS[number % CUSTOMERS.length];
  // Resolves when the pickup is on the hub's disk. The id makes it safe to publish again when in doubt: stored once. The key
  // keeps what is said of one parcel in order.
  await pickups.publish({ store, orderId, customer, address: `${number} Main Street` }, { id: orderId, key: orderId, event: "pickup" });
  tell(store, `wants ${orderId} brought to ${customer}`, { did: "orders", orderId });
  await sleep(Number(values["every-ms"]));
}
