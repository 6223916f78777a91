import { expect } from "vitest";
import type { QueueAddress } from "../../../engine.js";
import { isReplyQueue } from "../../../options.js";
import type { Harness } from "../../conformance/harness.js";
import type { Delivery } from "../../conformance/messages.js";
import { Phone } from "../../conformance/phone.js";
import { type HeldQueue, heldBy, shortBody } from "./held.js";
import { NAMESPACES, SHORT_LIVED } from "./history.js";
import { afterEnd, type Busy, type Story } from "./story.js";

const MINUTE_MS = 60_000;

/** Sees that an engine has all that the story tells, each message once and in order, and that it adds up. */
export async function expectAll(h: Harness, story: Story): Promise<void> {
  const { queues, rooms } = await heldBy(h, NAMESPACES);
  const others = queues.filter(({ queue }) => queue !== "busy");
  // Nothing is in flight any more, so it was closed, as far as what is found goes.
  expect(others.map((queue) => afterEnd(queue, "closed"))).toEqual(story.queues.map((queue) => afterEnd(queue, story.end)));
  expect(rooms).toEqual(story.rooms);
  const busy = queues.find(({ queue }) => queue === "busy");
  expect(busy === undefined).toBe(story.busy === undefined);
  if (busy !== undefined && story.busy !== undefined) expectBusy(busy, story.busy);
  await h.checkCounts();
}

/** What was confirmed is there, or acknowledged for good; what was not may be. */
function expectBusy({ messages }: HeldQueue, busy: Busy): void {
  const found = messages.map(({ body }) => Number(body));
  const surely = busy.published.filter((n) => !busy.acked.includes(n) && !busy.acking.includes(n));
  const atMost = [...busy.published, ...busy.publishing].filter((n) => !busy.acked.includes(n));
  expect(found).toEqual(expect.arrayContaining(surely));
  expect(atMost).toEqual(expect.arrayContaining(found));
  expect(found, "in order, nothing twice").toEqual([...new Set(found)].sort((a, b) => a - b));
  for (const { id, body, attempts = 0 } of messages) {
    expect(id).toBe(`busy-${body}`);
    expect(attempts).toBeLessThanOrEqual(1);
  }
}

/** Takes and acknowledges all of a queue, also what comes within hours. */
async function drain(h: Harness, address: QueueAddress): Promise<Delivery[]> {
  const all: Delivery[] = [];
  const consumer = await h.attach(address.queue, 1_000, address.namespace);
  for (let tries = 0; tries < 30; tries++) {
    for (let got = await h.lease(consumer); got.length > 0; got = await h.lease(consumer)) {
      all.push(...got);
      expect(await h.ack(consumer, ...got)).toEqual(got.map(() => "ok"));
      await h.quiet();
    }
    const { ready, inFlight, delayed, parked } = await h.engine.stats(address);
    if (ready + inFlight + delayed + parked === 0) break;
    await h.clock.advance(10 * MINUTE_MS);
    await h.quiet();
  }
  await h.engine.detach(consumer, false);
  return all;
}

/** The sequences of deliveries, a list for those that have an order among them. */
function lanesOf(h: Harness, address: QueueAddress, deliveries: readonly Delivery[]): number[][] {
  const lanes = new Map<string, number[]>();
  const ordering = h.engine.options(address)?.ordering;
  for (const { sequence, key = "", priority, attempt } of deliveries) {
    // Without an order those that waited after a failure come when their time has come.
    const unordered = attempt === 1 ? `first attempts of ${priority}` : `${sequence}`;
    const lane = { none: unordered, key, fifo: "" }[ordering ?? "none"];
    lanes.set(lane, [...(lanes.get(lane) ?? []), sequence]);
  }
  return [...lanes.values()];
}

const byId = <Item extends { readonly id: string }>(items: Item[]): Item[] => items.sort((a, b) => (a.id < b.id ? -1 : 1));
const rising = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);

/** Sees that consumers get each message of the story once, in order, as it was published, and no other one. */
export async function expectDeliveries(h: Harness, story: Story): Promise<void> {
  await h.clock.advance(MINUTE_MS);
  await h.until("a dead letter", () => h.engine.options(h.address("later.dead")) !== undefined);
  expect(await h.scan("later.dead")).toMatchObject([{ id: SHORT_LIVED, history: { queue: "later", reason: "expired" } }]);
  await h.engine.resume(h.address("halted"));
  await h.engine.unblock(h.address("strict"), "x", "retry");
  // A reply queue that nobody consumes is removed after a while.
  const inTime = [...story.queues].sort((a, b) => Number(isReplyQueue(b.queue)) - Number(isReplyQueue(a.queue)));
  for (const queue of inTime) {
    const where = `${queue.namespace} ${queue.queue}`;
    const deliveries = await drain(h, queue);
    const got = deliveries.map(({ id, body, key, headers, event, attempt }) => {
      return { id, body: shortBody(body), key, headers, event, attempt };
    });
    const alive = afterEnd(queue, story.end).messages.filter(({ id }) => id !== SHORT_LIVED);
    const expected = alive.map(({ id, body, key, headers, event, attempts, state }) => {
      return { id, body, key, headers, event, attempt: state === "blocked" ? 1 : attempts + 1 };
    });
    expect(byId(got), where).toEqual(byId(expected));
    const gone = queue.namespace === "/" ? (story.gone[queue.queue] ?? []) : [];
    expect(got.filter(({ id }) => gone.includes(id))).toEqual([]);
    for (const sequences of lanesOf(h, queue, deliveries)) expect(sequences, where).toEqual(rising(sequences));
  }
  await h.checkCounts();
  await h.clock.advance(24 * 60 * MINUTE_MS);
  await h.quiet();
  expect(await h.scan("reports"), "the schedule goes on").toMatchObject([
    { id: "nightly@2023-11-15T22:14:00.000Z", body: { report: "sales" } },
  ]);
}

/** Sees that publishes that were confirmed are recognised, and that the next number of their producer is not. */
export async function expectDuplicates(h: Harness, { chosen, numbered }: Story): Promise<void> {
  for (const { queue, id, body, sequence } of chosen) expect(await h.publish(queue, { id, body })).toEqual([{ sequence, duplicate: true }]);
  const { queue, producer: id, bodies, sequences } = numbered;
  const again = await h.produce(queue, { id, firstNumber: 1, oldestOpen: 1 }, ...bodies);
  expect(again).toEqual(sequences.map((sequence) => ({ sequence, duplicate: true })));
  const next = await h.produce(queue, { id, firstNumber: bodies.length + 1, oldestOpen: 1 }, "the next");
  expect(next).toMatchObject([{ duplicate: false }]);
}

/** Sees that each device gets what it missed, once. */
export async function expectCaughtUp(h: Harness, { missed, notes, rooms }: Story): Promise<void> {
  for (const { user, device, room, sequences, gap } of missed) {
    const whose = `${user}'s ${device}`;
    const phone = await Phone.attach(h, user, device);
    const inbox = notes.filter((note) => note.user === user && note.device === device).flatMap(({ bodies }) => bodies);
    const got = await phone.take(sequences.length + inbox.length);
    const inRoom = got.filter(({ target }) => target.room === room);
    const messages = rooms.find(({ target }) => target.room === room)?.messages ?? [];
    expect(
      inRoom.map(({ sequence, id, body }) => ({ sequence, id, body: shortBody(body) })),
      whose,
    ).toEqual(messages.filter(({ sequence }) => sequences.includes(sequence)).map(({ sequence, id, body }) => ({ sequence, id, body })));
    expect(inRoom, whose).toHaveLength(sequences.length);
    expect(
      got.filter(({ target }) => target.user === user).map(({ body }) => body),
      whose,
    ).toEqual(inbox);
    expect(phone.gaps, whose).toMatchObject(gap === undefined ? [] : [gap]);
    phone.ack(...got);
    for (const told of phone.gaps) phone.ackGap(told);
    await h.clock.advance(1_000);
    await phone.detach();
    const again = await Phone.attach(h, user, device);
    expect(await again.rest(), `${whose}, again`).toEqual([]);
    expect(again.gaps, `${whose}, again`).toEqual([]);
  }
}
