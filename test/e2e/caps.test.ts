import { afterEach, beforeEach, expect, it } from "vitest";
import { Driver, Hub, type State, Vendor } from "./caps.js";

// CAPS, a parcel service by queues alone (examples/caps is the one with rooms): vendors publish pickups, drivers compete for
// them, and every change of a parcel's state comes to its vendor, in order, also if the vendor was away. The hub is a real
// server in a process of its own.

const ORDERS = 12;
const PATIENCE_MS = 20_000;

let hub: Hub;
let acme: Vendor;
let flowers: Vendor;

beforeEach(async () => {
  hub = new Hub();
  await hub.open();
  acme = new Vendor(hub, "acme-widgets");
  flowers = new Vendor(hub, "1-800-flowers");
  await acme.opens();
  await flowers.opens();
});

afterEach(() => hub.close());

const orderIds = ({ store }: Vendor): string[] => Array.from({ length: ORDERS }, (_, index) => `${store}-${index + 1}`);

/** What a vendor confirmed of each of its parcels, in the order in which it did. */
function confirmedOf(vendor: Vendor): Map<string, (State | undefined)[]> {
  const states = new Map<string, (State | undefined)[]>(orderIds(vendor).map((orderId) => [orderId, []]));
  for (const { orderId, state } of hub.history.of("confirms", vendor.store)) states.get(orderId)?.push(state);
  return states;
}

/** Every parcel of the vendor went through both states, in order, each confirmed once. */
function expectWhole(vendor: Vendor): void {
  const whole = orderIds(vendor).map((orderId): [string, State[]] => [orderId, ["in-transit", "delivered"]]);
  expect([...confirmedOf(vendor)]).toEqual(whole);
}

/** Nothing is left anywhere, and nothing died. */
async function expectNothingLeft(): Promise<void> {
  const office = hub.client("office");
  const done = { ready: 0, inFlight: 0, delayed: 0, parked: 0, dead: 0 };
  // What was confirmed just now may be on its way to the hub.
  for (const queue of ["pickup", acme.store, flowers.store]) {
    const counts = expect.poll(() => office.queue(queue).stats(), { timeout: PATIENCE_MS });
    await counts.toMatchObject({ ...done, published: 2 * ORDERS, acked: 2 * ORDERS });
  }
}

it("every pickup goes to one driver at a time, and a driver that crashes loses none", async () => {
  acme.listens();
  flowers.listens();
  await acme.orders(ORDERS);
  await flowers.orders(ORDERS);

  const unlucky = new Driver(hub, "unlucky");
  unlucky.drives(5);
  await hub.history.until(() => hub.history.of("crashes").length > 0);
  for (const name of ["ann", "bob"]) new Driver(hub, name).drives();
  await hub.history.until(() => hub.history.of("confirms").length === 4 * ORDERS);

  // A parcel is in one van, until it is handed over or its driver crashed.
  const inVan = new Map<string, string>();
  for (const { who, did, orderId } of hub.history.events) {
    if (did === "picks up") {
      expect(inVan.get(orderId), `who has ${orderId}, which ${who} picks up`).toBeUndefined();
      inVan.set(orderId, who);
    } else if (did === "hands over") {
      expect(inVan.get(orderId)).toBe(who);
      inVan.delete(orderId);
    } else if (did === "crashes") {
      for (const [parcel, driver] of inVan) if (driver === who) inVan.delete(parcel);
    }
  }
  const again = hub.history.of("picks up").filter(({ attempt }) => attempt === 2);
  expect(again.length, "parcels that were in the van at the crash").toBeGreaterThanOrEqual(1);
  expect(again.length).toBeLessThanOrEqual(2);
  expect(hub.history.of("hands over").map(({ orderId }) => orderId)).toHaveLength(2 * ORDERS);
  for (const vendor of [acme, flowers]) expectWhole(vendor);
  await expectNothingLeft();
});

it("a vendor that was away gets every change it missed, in order, and each again until it confirmed it", async () => {
  acme.listens();
  await acme.orders(ORDERS);
  await flowers.orders(ORDERS);
  flowers.goesAway();

  for (const name of ["ann", "bob", "cid"]) new Driver(hub, name).drives();
  await hub.history.until(() => hub.history.of("hands over").length === 2 * ORDERS);
  expect(hub.history.of("is told", flowers.store)).toEqual([]);

  // It comes back, hears of the first change of each parcel, and is gone before it confirmed one.
  flowers.listens(true);
  await hub.history.until(() => hub.history.of("is told", flowers.store).length === ORDERS);
  flowers.goesAway();
  expect(new Set(hub.history.of("is told", flowers.store).map(({ state }) => state))).toEqual(new Set(["in-transit"]));
  expect(hub.history.of("confirms", flowers.store)).toEqual([]);

  flowers.listens();
  await hub.history.until(() => hub.history.of("confirms").length === 4 * ORDERS);
  const attempts = hub.history.of("confirms", flowers.store).map(({ state, attempt }) => `${state} ${attempt}`);
  expect(new Set(attempts)).toEqual(new Set(["in-transit 2", "delivered 1"]));
  for (const vendor of [acme, flowers]) expectWhole(vendor);
  await expectNothingLeft();
});

it("the hub is killed in the middle of the day: no parcel is lost, and no state comes before another", async () => {
  flowers.listens();
  for (const name of ["ann", "bob"]) new Driver(hub, name).drives();
  const ordering = [acme.orders(ORDERS), flowers.orders(ORDERS)];

  await hub.history.until(() => hub.history.of("hands over").length >= 3);
  await hub.kill();
  expect(hub.history.of("hands over").length, "parcels handed over before the kill").toBeLessThan(2 * ORDERS);
  await hub.open();
  await Promise.all(ordering);
  acme.listens();

  // A confirmation that was under way at the kill may not have reached the disk, or nobody heard that it did.
  const toldOf = (): Set<string> => new Set(hub.history.of("is told").map(({ orderId, state }) => `${orderId}/${state}`));
  await hub.history.until(() => toldOf().size === 4 * ORDERS);
  await expectNothingLeft();
  for (const vendor of [acme, flowers]) {
    for (const orderId of orderIds(vendor)) {
      const told = hub.history.of("is told", vendor.store).filter((event) => event.orderId === orderId);
      const states = told.map(({ state }) => state);
      expect(states.lastIndexOf("in-transit"), `in-transit comes before delivered for ${orderId}`).toBeLessThan(
        states.indexOf("delivered"),
      );
      expect(hub.history.of("picks up").some((event) => event.orderId === orderId)).toBe(true);
    }
  }
});
