import { expect, it } from "vitest";
import { check } from "../simulation/checker.js";
import type { HistoryEntry } from "../simulation/history-log.js";
import type { HistoryLine } from "./history-file.js";
import { mergeHistories } from "./merge.js";
import { queueOf } from "./queues.js";

const MS = 1e6;
const LEASE_MS = 1_000;
const { name: QUEUE, settings } = queueOf("orders", { leaseMs: LEASE_MS });

const at = (ms: number, entry: HistoryEntry): HistoryLine => ({ process: "ann", ns: ms * MS, ...entry });

/** A message that is published, and purged by a call that was sent `purgedMs` after the start. */
function purgedAt(purgedMs: number): HistoryLine[] {
  const purged = { call: 3, outcome: "ok", count: 1, through: 0, throughMax: Number.MAX_SAFE_INTEGER } as const;
  return [
    at(0, { type: "define", queue: QUEUE, options: settings }),
    at(1, { type: "restart", life: 0 }),
    at(2, { type: "attached", consumer: "one", queue: QUEUE }),
    at(10, { type: "publish", call: 1, queue: QUEUE, id: "a", body: "a" }),
    at(20, { type: "publish-done", call: 1, outcome: "ok", id: "a", sequence: 1, duplicate: false }),
    at(purgedMs, { type: "purge", call: 3, queue: QUEUE }),
    at(40, { type: "purge-done", ...purged }),
  ];
}

const delivered = (ms: number): HistoryLine =>
  at(ms, {
    ...{ type: "delivery", queue: QUEUE, consumer: "one", token: { life: 1, number: 1 }, id: "a", sequence: 1, attempt: 1 },
    ...{ body: "a", publishedAt: 15, leaseUntil: ms + LEASE_MS },
  });

const kindsOf = (lines: readonly HistoryLine[]): string[] =>
  check(mergeHistories([lines], { zeroMs: 0, graceMs: 300, leaseMsOf: () => LEASE_MS })).map(({ kind }) => kind);

it("lets nothing come after a purge whose receipt was there before the purge was sent", () => {
  expect(kindsOf([...purgedAt(30), delivered(60)])).toContain("purge");
});

it("lets come what was published while the purge was under way, and what came before its answer", () => {
  expect(kindsOf([...purgedAt(15), delivered(60)])).toEqual([]);
  expect(kindsOf([...purgedAt(30), delivered(35)])).toEqual([]);
});

/** A message that is delivered, and again, as attempt 2, to somebody else: `firstMs` and `againMs` after the start. */
function deliveredTwice(firstMs: number | undefined, againMs: number): HistoryLine[] {
  const message = { queue: QUEUE, id: "a", sequence: 1, body: "a", publishedAt: 15 } as const;
  const lease = (ms: number, consumer: string, attempt: number): HistoryLine =>
    at(ms, { type: "delivery", consumer, token: { life: 1, number: attempt }, attempt, leaseUntil: ms + LEASE_MS, ...message });
  return [
    ...purgedAt(30).slice(0, -2),
    at(2, { type: "attached", consumer: "two", queue: QUEUE }),
    ...(firstMs === undefined ? [] : [lease(firstMs, "one", 1)]),
    lease(againMs, "two", 2),
  ];
}

/** The server has lost a connection of that time; nothing came through since `deafMs`. */
const lostAt = (ms: number, sinceMs: number, deafMs = ms): HistoryLine => {
  const times = { sinceNs: sinceMs * MS, untilNs: ms * MS, deafNs: deafMs * MS };
  return { process: "ann", ns: ms * MS, type: "connection-lost", ...times };
};

it("lets a message come again once the server has lost the connection of who had it, and not for another connection", () => {
  expect(kindsOf(deliveredTwice(60, 500))).toContain("overlapped");
  expect(kindsOf([...deliveredTwice(60, 500), lostAt(150, 1)])).toEqual([]);
  expect(kindsOf([...deliveredTwice(60, 500), lostAt(150, 3)])).toContain("overlapped");
  expect(kindsOf([...deliveredTwice(60, 500), lostAt(550, 1)])).toContain("overlapped");
});

it("lets it come to somebody else while nothing comes through, once the grace is over", () => {
  expect(kindsOf([...deliveredTwice(60, 500), lostAt(900, 1, 150)])).toEqual([]);
  expect(kindsOf([...deliveredTwice(60, 400), lostAt(900, 1, 150)])).toContain("overlapped");
});

it("lets an attempt be counted that nobody saw while nothing came through, and not otherwise", () => {
  expect(kindsOf(deliveredTwice(undefined, 1_200))).toEqual(["attempt"]);
  expect(kindsOf([...deliveredTwice(undefined, 1_200), lostAt(1_300, 1, 50)])).toEqual([]);
  expect(kindsOf([...deliveredTwice(undefined, 1_200), lostAt(1_300, 1)])).toEqual(["attempt"]);
});

/** A consumer leaves two of three deliveries unanswered until they run out, and loses its connection; one comes again uncounted. */
function unanswered(maxInFlight: number, { lostMs = 1_070, again = 3, more = [] as readonly HistoryLine[] } = {}): HistoryLine[] {
  const message = (id: string, sequence: number) => ({ queue: QUEUE, id, sequence, body: id, publishedAt: 15 }) as const;
  const lease = (ms: number, consumer: string, number: number, id: string, sequence: number): HistoryLine =>
    at(ms, {
      ...{ type: "delivery", consumer, token: { life: 1, number }, attempt: 1, leaseUntil: ms + LEASE_MS },
      ...message(id, sequence),
    });
  const published = ["a", "b", "c"].flatMap((id, index) => [
    at(10, { type: "publish", call: index + 1, queue: QUEUE, id, body: id }),
    at(20, { type: "publish-done", call: index + 1, outcome: "ok", id, sequence: index + 1, duplicate: false }),
  ]);
  return [
    ...purgedAt(30).slice(0, 2),
    at(2, { type: "attached", consumer: "one", queue: QUEUE, maxInFlight }),
    at(2, { type: "attached", consumer: "two", queue: QUEUE, maxInFlight }),
    ...published,
    ...["a", "b"].map((id, index) => lease(60, "one", index + 1, id, index + 1)),
    lease(900, "one", 3, "c", 3),
    at(lostMs, { type: "detach", call: 10, consumer: "one", counted: true }),
    lease(1_100, "two", 4, ["a", "b", "c"][again - 1] ?? "", again),
    ...more,
  ];
}

it("lets what a consumer held come again uncounted that left as much unanswered as ends it, and not otherwise", () => {
  expect(kindsOf(unanswered(2))).toEqual([]);
  expect(kindsOf(unanswered(3))).toEqual(["attempt"]);
  const answered = [
    at(500, { type: "settle", call: 11, consumer: "one", token: { life: 1, number: 1 }, verb: "ack" }),
    at(501, { type: "settle-done", call: 11, outcome: "ok" }),
  ];
  expect(kindsOf(unanswered(2, { more: answered }))).toEqual(["attempt"]);
  // What ran out did count, and one whose connection was lost long before was not cancelled.
  expect(kindsOf(unanswered(2, { again: 1 }))).toEqual(["attempt"]);
  expect(kindsOf(unanswered(2, { lostMs: 920 }))).toEqual(["attempt"]);
});

/** A device that hears a message `heardMs` after the start; the server was killed after 50 ms, and is there again after 400. */
function heardAt(heardMs: number): HistoryLine[] {
  const room = { room: "kitchen" };
  const options = { maxAgeMs: 0, maxMessages: 0, maxBytes: 0, poison: "dead-letter" } as const;
  const heard = { session: "phone/1", target: room, sequence: 1, id: "a", body: "a", publishedAt: 0, redelivered: false };
  return [
    at(0, { type: "define-room", room: "kitchen", options }),
    at(1, { type: "restart", life: 0 }),
    at(2, { type: "member-add", call: 1, room: "kitchen", member: { user: "ann" } }),
    at(3, { type: "member-done", call: 1, outcome: "ok" }),
    at(4, { type: "session", call: 2, session: "phone/1", user: "ann", device: "phone", remote: true }),
    at(5, { type: "session-done", call: 2, outcome: "ok" }),
    at(10, { type: "emit", call: 3, to: [room], except: [], id: "a", body: "a" }),
    at(20, { type: "emit-done", call: 3, outcome: "ok", receipts: [{ sequence: 1, duplicate: false }] }),
    at(50, { type: "crash" }),
    at(heardMs, { type: "heard", ...heard }),
    at(heardMs + 1, { type: "session-ended", session: "phone/1", reason: "left" }),
    at(400, { type: "restart", life: 0 }),
  ];
}

it("puts what a device hears late before the end of the server that sent it", () => {
  expect(kindsOf(heardAt(30))).toEqual([]);
  expect(kindsOf(heardAt(60))).toEqual([]);
  // One that ended before by its own will can not have heard it.
  const [last, ...before] = heardAt(45).reverse();
  expect(
    kindsOf([...before.reverse(), at(40, { type: "session-ended", session: "phone/1", reason: "left" }), last as HistoryLine]),
  ).toContain("ended-session");
});
