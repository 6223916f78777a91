// A driver: takes pickups, one at a time, in competition with all other drivers, and tells the vendor on the way.
//
//   node examples/caps/driver.js ann [--drive-ms 2000] [--url http://127.0.0.1:3000]
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { connect } from "holdfast-client";
import { onStop, tell } from "./say.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { "drive-ms": { type: "string", default: "2000" }, url: { type: "string", default: "http://127.0.0.1:3000" } },
});
const name = positionals[0] ?? "ann";

const hub = connect(`${values.url}/caps`, { auth: { user: name }, reconnectionDelayMax: 1_000 });

// The pickup is leased to this driver: nobody else has it meanwhile. It is done (acked) when the handler returns. Pull the
// plug in between, and the hub gives it to another driver: kill this process with -9 and watch.
const handler = async ({ body: { store, orderId, customer }, attempt }) => {
  tell(name, `picks up ${orderId}${attempt > 1 ? ` (attempt ${attempt})` : ""}`, { did: "picks up", orderId, attempt });
  const room = hub.room(store); // not a member: it emits only

  // A parcel that another driver had before: that one may have told this state already, or not. The id settles it: emitted
  // again, with the same content, it is stored once. Who drives is not content, so it is in the headers.
  const change = (state) => room.emitWith({ id: `${orderId}/${state}`, headers: { driver: name } }, state, { orderId, customer });

  await change("in-transit");
  tell(name, `is on the way with ${orderId}`, { did: "drives", orderId });
  await sleep(Number(values["drive-ms"]) * (0.5 + Math.random()));
  await change("delivered");
  tell(name, `delivered ${orderId}`, { did: "delivers", orderId });
};
const pickups = hub.queue("pickup").consume(handler, { maxInFlight: 1 });

onStop(async () => {
  await pickups.cancel(); // takes no more, but brings the parcel it has
  await hub.close();
  tell(name, "goes home", { did: "closes" });
});
tell(name, "is ready", { did: "waits" });
