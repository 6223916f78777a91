import { createHash } from "node:crypto";
import type { Harness } from "../../conformance/harness.js";
import type { Delivery, Publishable } from "../../conformance/messages.js";
import { Phone, RoomsOf } from "../../conformance/phone.js";

/** Namespaces in which the history has queues. */
export const NAMESPACES = ["/", "/shop"];
/** A message that expires a minute after the end, at the latest. */
export const SHORT_LIVED = "short-lived";
const REPLIES = "reply:0123456789abcdefghij";
const PRODUCER = "till-1";
const SALES = ["one", "two", "three", "four", "five", "six", "seven"];
const NOTES = ["note 1", "note 2", "note 3"];
/** What waits after a failure does so until long after the end. */
const BACKOFF_MS = 3_600_000;
const WAITING = { backoff: { type: "fixed", delayMs: BACKOFF_MS, delayMaxMs: BACKOFF_MS, jitter: 0 } } as const;
const AT_ONCE = { backoff: { type: "fixed", delayMs: 0, delayMaxMs: 0, jitter: 0 } } as const;

/** Text of which nothing repeats. */
function longText(of: string, characters: number): string {
  let text = "";
  for (let part = 0; text.length < characters; part++) text += createHash("sha256").update(`${of} ${part}`).digest("base64");
  return text.slice(0, characters);
}

/** What a device has not got yet. */
interface Missed {
  readonly user: string;
  readonly device: string;
  readonly room: string;
  readonly sequences: readonly number[];
  readonly gap?: { readonly from: number; readonly to: number; readonly reason: string };
}

/** What is to be seen of a history when its store is opened again, beside what `heldBy` shows. */
export interface Marks {
  /** Ids that were acknowledged or purged: they never come again. */
  readonly gone: Record<string, readonly string[]>;
  /** Publishes with an id of their own, and the sequence of the receipt that each of them gets again. */
  readonly chosen: readonly { readonly queue: string; readonly id: string; readonly body: unknown; readonly sequence: number }[];
  readonly numbered: {
    readonly queue: string;
    readonly producer: string;
    readonly bodies: readonly string[];
    readonly sequences: number[];
  };
  readonly missed: readonly Missed[];
  /** What devices have not got of their users' inboxes. */
  readonly notes: readonly { readonly user: string; readonly device: string; readonly bodies: readonly string[] }[];
}

/** A message whose id was given by its publisher's library. */
const plain = (id: string, body: unknown): { readonly id: string; readonly chosenId: false; readonly body: unknown } => ({
  id,
  chosenId: false,
  body,
});

const nth = <Item>(items: readonly Item[], index: number): Item => {
  const item = items[index];
  if (item === undefined) throw new Error(`there is no item ${index} of ${items.length}`);
  return item;
};

/** What was acknowledged or purged, by queue. */
class Gone {
  readonly ids: Record<string, string[]> = {};
  readonly #h: Harness;

  constructor(h: Harness) {
    this.#h = h;
  }

  add(queue: string, ...ids: string[]): void {
    this.ids[queue] = [...(this.ids[queue] ?? []), ...ids];
  }

  async ack(queue: string, consumer: number, ...deliveries: Delivery[]): Promise<void> {
    await this.#h.ack(consumer, ...deliveries);
    this.add(queue, ...deliveries.map(({ id }) => id));
  }
}

/**
 * Two lives of an engine, with something of everything that can be stored. The second one is still open at the end, with
 * messages in flight.
 */
export async function live(h: Harness): Promise<Marks> {
  const gone = new Gone(h);
  await scheduleReports(h);
  await settleInEveryWay(h, gone);
  await dieAndComeBack(h);
  await keepKeys(h, gone);
  await keepLine(h, gone);
  const firstSold = await sell(h, SALES.slice(0, 4), { firstNumber: 1, oldestOpen: 1 });
  const clerk = await h.attach("numbered");
  await gone.ack("numbered", clerk, ...(await h.take(clerk, 2)));
  await waitForTurns(h, gone);
  await pausePurgeRemove(h, gone);
  await emit(h);
  await overtake(h);
  await h.clock.advance(1_000);
  await h.restart("reopen");
  const thenSold = await sell(h, SALES.slice(4), { firstNumber: 5, oldestOpen: 3 });
  await goOn(h, gone);
  await emitMore(h);
  await h.clock.advance(1_000);
  await h.quiet();
  return {
    gone: gone.ids,
    chosen: [
      { queue: "orders", id: "order-2", body: { order: 2 }, sequence: 3 },
      { queue: "orders", id: "order-4", body: { order: 4 }, sequence: 5 },
      { queue: "orders", id: "order-23", body: { order: 23 }, sequence: 24 },
      { queue: "cleared", id: "cleared-2", body: 2, sequence: 2 },
    ],
    numbered: { queue: "numbered", producer: PRODUCER, bodies: SALES, sequences: [...firstSold, ...thenSold] },
    missed: [
      inKitchen("ann", "phone", 5),
      inKitchen("ann", "tablet", 2),
      inKitchen("bob", "desk", 8),
      inKitchen("cem", "first", 1),
      inKitchen("eve", "phone", 1),
      { user: "dan", device: "pad", room: "short", sequences: [6, 7, 8], gap: { from: 2, to: 5, reason: "retention" } },
    ],
    notes: [
      { user: "ann", device: "phone", bodies: NOTES.slice(1) },
      { user: "ann", device: "tablet", bodies: NOTES },
    ],
  };
}

/** A schedule that published once. */
async function scheduleReports(h: Harness): Promise<void> {
  await h.define("reports");
  const { records } = h.packed({ body: { report: "sales" }, headers: { from: "schedule" } });
  await h.engine.schedule(h.address("reports"), "nightly", { cron: "14 22 * * *", timezone: "UTC", record: records });
  await h.clock.advance(60_000);
}

/** No order, and a request whose answer waits. */
async function settleInEveryWay(h: Harness, gone: Gone): Promise<void> {
  await h.engine.define(h.address(REPLIES), {});
  await h.define("orders", WAITING);
  await h.publish("orders", { id: "asked", body: "price?", replyTo: REPLIES, correlationId: "7" });
  for (let first = 1; first <= 20; first += 5) await h.publish("orders", ...orders(first, 5));
  const taker = await h.attach("orders");
  const taken = await h.take(taker, 9);
  await h.reject(taker, nth(taken, 0), "no such dish");
  await gone.ack("orders", taker, nth(taken, 2), nth(taken, 3), nth(taken, 5));
  await h.nack(taker, nth(taken, 4), { reason: "oven is cold" });
  await h.release(taker, nth(taken, 7));
  await h.nack(taker, nth(taken, 1), { delayMs: 0 });
}

/** Out of attempts, and one of them taken back. */
async function dieAndComeBack(h: Harness): Promise<void> {
  await h.define("frail", { ...AT_ONCE, maxAttempts: 2 });
  await h.publish("frail", { id: "frail-1", body: 1, headers: { kind: "frail" } }, { id: "frail-2", body: 2 }, { id: "frail-3", body: 3 });
  const weak = await h.attach("frail");
  for (let round = 0; round < 2; round++)
    for (const delivery of await h.take(weak, 3)) await h.nack(weak, delivery, { reason: "too heavy" });
  await h.engine.redrive(h.address("frail"), ["frail-2"]);
}

/** Order by key: one that waits after a failure, one in flight, one out of attempts that holds its key, with others behind them. */
async function keepKeys(h: Harness, gone: Gone): Promise<void> {
  await h.define("keyed", { ...WAITING, ordering: "key" });
  for (let n = 1; n <= 4; n++) await h.publish("keyed", ...["a", "b", "c", "d"].map((key) => ({ id: `${key}-${n}`, body: n, key })));
  const cook = await h.attach("keyed");
  const heads = await h.take(cook, 4);
  await gone.ack("keyed", cook, nth(heads, 0), nth(heads, 3));
  await h.nack(cook, nth(heads, 1), { reason: "not yet" });

  await h.define("strict", { ordering: "key", poison: "block", maxAttempts: 1 });
  await h.publish("strict", ...[1, 2].flatMap((n) => ["x", "y"].map((key) => ({ id: `${key}-${n}`, body: n, key }))));
  const strict = await h.attach("strict");
  const both = await h.take(strict, 2);
  await h.nack(strict, nth(both, 0));
  await gone.ack("strict", strict, nth(both, 1));
}

/** One after the other. */
async function keepLine(h: Harness, gone: Gone): Promise<void> {
  await h.define("line", { ...WAITING, ordering: "fifo" });
  await h.publish("line", ...[1, 2, 3, 4, 5, 6].map((n) => ({ id: `line-${n}`, body: n })));
  const line = await h.attach("line");
  await gone.ack("line", line, ...(await h.take(line, 6)).slice(0, 2));
  await h.engine.detach(line, false);
}

/** Messages that their producer numbers. */
async function sell(h: Harness, sales: readonly string[], numbers: { firstNumber: number; oldestOpen: number }): Promise<number[]> {
  if (numbers.firstNumber === 1) await h.define("numbered");
  const fates = await h.produce("numbered", { id: PRODUCER, ...numbers }, ...sales.map((body) => plain(`sale ${body}`, body)));
  return fates.map(({ sequence }) => sequence);
}

/** Priorities, delays, and a time to live. */
async function waitForTurns(h: Harness, gone: Gone): Promise<void> {
  await h.define("levels");
  for (const [n, priority] of [0, 9, 5, 0, 9, 5].entries())
    await h.publish("levels", { ...plain(`level-${n}`, `of ${priority}`), priority });
  const levels = await h.attach("levels");
  await gone.ack("levels", levels, await h.takeOne(levels));
  await h.define("later");
  await h.publish(
    "later",
    { id: "soon", body: 1, delayMs: 30_000 },
    { id: "much later", body: 2, delayMs: 7_200_000 },
    { id: "now", body: 3 },
  );
  await h.publish("later", { id: SHORT_LIVED, body: 4, ttlMs: 60_000 }, { id: "soon, too", body: 5, delayMs: 30_000, headers: { a: "b" } });
}

async function pausePurgeRemove(h: Harness, gone: Gone): Promise<void> {
  await h.define("halted");
  await h.publish("halted", ...[1, 2, 3].map((n) => plain(`halted-${n}`, n)));
  await h.engine.pause(h.address("halted"));
  await h.define("cleared");
  await h.publish("cleared", ...[1, 2, 3].map((n) => ({ id: `cleared-${n}`, body: n })));
  await h.engine.purge(h.address("cleared"));
  gone.add("cleared", "cleared-1", "cleared-2", "cleared-3");
  await h.publish("cleared", { id: "cleared-4", body: 4 });
  await h.define("dropped");
  await h.publish("dropped", 1, 2, 3);
  await h.engine.remove(h.address("dropped"));
  await h.publishIn("/shop", "orders", { id: "order-1", body: "of another namespace" });
}

/** A room: devices that are ahead and behind, one that was away, a user without any, a queue, an inbox. */
async function emit(h: Harness): Promise<void> {
  const rooms = new RoomsOf(h);
  await rooms.add("kitchen", "ann", "bob", "cem");
  await h.define("tickets");
  await rooms.feed("kitchen", "tickets");
  const phone = await Phone.attach(h, "ann", "phone");
  const tablet = await Phone.attach(h, "ann", "tablet");
  const desk = await Phone.attach(h, "bob", "desk");
  for (let n = 1; n <= 6; n++) await rooms.emit("kitchen", { ...dish(n), headers: { n: String(n) } });
  phone.ack(...(await phone.take(6)).slice(0, 3));
  tablet.ack(nth(await tablet.take(6), 0));
  desk.ack(...(await desk.take(6)));
  await rooms.emitTo(["kitchen"], [{ user: "bob" }], dish(7));
  await rooms.emit({ user: "ann" }, ...NOTES.slice(0, 2));
  phone.ack(...(await phone.take(3)).filter(({ body }) => body === NOTES[0]));
  const eve = await Phone.attach(h, "eve", "phone");
  await eve.join("kitchen", "earliest");
}

/** A room whose retention overtook a device. */
async function overtake(h: Harness): Promise<void> {
  const rooms = new RoomsOf(h);
  await h.engine.defineRoom(rooms.address("short"), { retention: { maxMessages: 3 } });
  await rooms.add("short", "dan");
  const pad = await Phone.attach(h, "dan", "pad");
  await rooms.emit("short", plain("short-1", "short 1"));
  pad.ack(await pad.takeOne());
  await h.clock.advance(1_000);
  await pad.detach();
  for (let n = 2; n <= 8; n++) await rooms.emit("short", plain(`short-${n}`, `short ${n}`));
}

/** The second life goes on with the queues of the first, and has large messages. */
async function goOn(h: Harness, gone: Gone): Promise<void> {
  await h.publish("orders", ...orders(21, 3));
  await h.publish(
    "large",
    { id: "large-1", body: longText("body", 6_000) },
    { id: "large-2", body: Buffer.from(longText("bytes", 3_000)) },
  );
  const late = await h.attach("orders", 5);
  await gone.ack("orders", late, ...(await h.take(late, 5)).slice(1, 3));
  const cook = await h.attach("keyed", 2);
  await gone.ack("keyed", cook, nth(await h.take(cook, 2), 0));
  const belt = await h.attach("line", 2);
  await h.extend(belt, nth(await h.take(belt, 2), 0), 20_000);
}

async function emitMore(h: Harness): Promise<void> {
  const rooms = new RoomsOf(h);
  const phone = await Phone.attach(h, "ann", "phone");
  phone.ack(...(await phone.take(5)).filter(({ body }) => Object(body).order === 4));
  for (let n = 8; n <= 9; n++) await rooms.emit("kitchen", dish(n));
  await rooms.emit("kitchen", { ...plain("dish-10", longText("order", 5_000)), event: "picture" });
  await rooms.emit({ user: "ann" }, nth(NOTES, 2));
}

const dish = (n: number): { readonly id: string; readonly chosenId: false; readonly body: unknown; readonly event: string } => ({
  ...plain(`dish-${n}`, { order: n }),
  event: "order",
});

/** All that the kitchen has from a sequence on. */
function inKitchen(user: string, device: string, from: number): Missed {
  return { user, device, room: "kitchen", sequences: Array.from({ length: 11 - from }, (_, index) => from + index) };
}

/** Orders with ids of their own, some with headers, some with an event. */
function orders(first: number, count: number): Publishable[] {
  return Array.from({ length: count }, (_, index) => {
    const n = first + index;
    const headers = n % 3 === 0 ? { headers: { trace: `trace of ${n}`, n: String(n) } } : {};
    return { id: `order-${n}`, body: { order: n }, ...headers, ...(n % 5 === 0 && { event: "rush" }) };
  });
}
