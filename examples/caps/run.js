// A whole day of the parcel service, with everything that goes wrong in one: `npm run example:caps`.
//
// Real processes: a hub, two vendors, three drivers. A driver is killed with a parcel in the van, a vendor is away for a
// while, the hub is killed with -9. It ends by itself: with 0 when each parcel was told of once per state, in order, and
// nothing was missed, else with 1 and what is wrong.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "holdfast-client";
import { complaintsOf } from "./check.js";
import { Day } from "./day.js";
import { tell } from "./say.js";

const PARCELS = 10; // of each vendor
const PATIENCE_MS = 120_000;
const FLOWERS = "1-800-flowers";

const directory = await mkdtemp(join(tmpdir(), "holdfast-caps-"));
const day = new Day(PATIENCE_MS);
const news = (text) => tell("---", text);
process.once("SIGINT", () => process.exit(130)); // the others see that this process is gone

/** Resolves to the hub and its address; the same again, when it was there before. */
async function openHub(port = 0) {
  const since = day.events.length;
  const hub = day.start("hub.js", "--directory", directory, "--port", String(port));
  await day.until(() => day.did("opens", "hub", since).length > 0);
  return { hub, url: day.did("opens", "hub", since)[0].url };
}

async function openForBusiness() {
  const { hub, url } = await openHub();
  const at = ["--url", url];
  const vendorOf = (store, parcels) => day.start("vendor.js", store, "--parcels", String(parcels), "--every-ms", "50", ...at);
  const driverOf = (name) => day.start("driver.js", name, "--drive-ms", "500", ...at);

  news("morning: two vendors order, and no driver is there yet; the queue keeps the pickups");
  vendorOf("acme-widgets", PARCELS);
  const flowers = vendorOf(FLOWERS, PARCELS);
  await day.until(() => day.did("orders").length === 2 * PARCELS);

  const [ann] = ["ann", "bob", "cid"].map(driverOf);
  await day.until(() => day.did("drives", "ann").length === 2);
  await day.end(ann, "SIGKILL");
  const { orderId } = day.did("drives", "ann").at(-1);
  news(`ann's van broke down with ${orderId} in it (kill -9): another driver gets it, in a second`);

  await day.until(() => day.did("hears", FLOWERS).length > 0);
  await day.end(flowers);
  const away = day.events.length;
  news(`${FLOWERS} is closed for lunch; its changes wait`);

  // Parcels that were picked up and delivered while the vendor was away.
  const missed = () => {
    const taken = new Set(day.did("picks up", undefined, away).map((event) => event.orderId));
    const brought = new Set(day.did("delivers", undefined, away).map((event) => event.orderId));
    return [...brought].filter((id) => id.startsWith(FLOWERS) && taken.has(id)).length;
  };
  await day.until(() => missed() >= 2);
  await day.end(hub, "SIGKILL");
  news("the hub is killed with -9, in the middle of everything");
  await openHub(new URL(url).port);
  news("the hub is back; everybody connects again by themselves");

  await day.until(() => missed() >= 3);
  news(`${FLOWERS} opens again: first it hears what it missed, in order`);
  vendorOf(FLOWERS, 0);
  await day.until(() => day.did("hears").filter(({ state }) => state === "delivered").length === 2 * PARCELS);
  return url;
}

/** The hub's own counts, once no pickup is with a driver any more. */
async function countsOf(url) {
  const office = connect(`${url}/caps`, { auth: { user: "office" } });
  const deadline = performance.now() + 10_000;
  let counts = await office.queue("pickup").stats();
  while (counts.inFlight > 0 && performance.now() < deadline) {
    await sleep(50);
    counts = await office.queue("pickup").stats();
  }
  await office.close();
  return counts;
}

try {
  const counts = await countsOf(await openForBusiness());
  await day.endAll();
  const complaints = complaintsOf(day.events, counts);
  for (const complaint of complaints) news(`WRONG: ${complaint}`);
  if (complaints.length === 0)
    news(`${counts.acked} parcels, ${day.did("hears").length} changes: each once per state, in order, nothing missed`);
  process.exitCode = complaints.length === 0 ? 0 : 1;
} catch (error) {
  news(`WRONG: the day did not end: ${error.message}`);
  for (const complaint of complaintsOf(day.events)) news(`missing: ${complaint}`);
  process.exitCode = 1;
} finally {
  await day.endAll();
  await rm(directory, { recursive: true, force: true });
}
