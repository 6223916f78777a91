import { afterEach, beforeEach, expect, test } from "vitest";
import type { PresenceChange, RoomMessageCounts } from "./index.js";
import { TestServer, turnsUntil } from "./test-server.js";

type Page = { readonly users: readonly string[]; readonly next?: number };

let server: TestServer;
/** The pages of presence, by `after`. */
let pages: Record<number, Page>;
let receipts: { readonly from: number; readonly items: readonly RoomMessageCounts[] };
/** How a request is refused instead. */
let refusal: { readonly code: string; readonly message: string; readonly retryable: boolean } | undefined;

beforeEach(async () => {
  server = await TestServer.start();
  pages = { 0: { users: ["ann", "bob"] } };
  receipts = { from: 7, items: [] };
  refusal = undefined;
  server.onRequest = (event, payload) => {
    if (refusal !== undefined) return { ok: false, error: refusal };
    if (event === "holdfast:receipts") return { ok: true, ...receipts };
    if (event !== "holdfast:presence") return { ok: true };
    const { users, next } = pages[(payload.after as number | undefined) ?? 0] ?? { users: [] };
    return { ok: true, items: users.map((user) => ({ user, devices: ["d"] })), ...(next === undefined ? undefined : { next }) };
  };
});

afterEach(() => server.stop());

const payloads = (event: string): unknown[] => server.requests.filter((request) => request.event === event).map(({ payload }) => payload);

const tell = (event: string, payload: object): unknown => server.socket?.emit(event, payload);
const change = (...changes: PresenceChange[]): unknown => tell("holdfast:presence", { room: "kitchen", changes });

const message = (sequence: number, delivered: number, pending: number): RoomMessageCounts & { room: string } => ({
  room: "kitchen",
  id: `m${sequence}`,
  sequence,
  counts: { delivered, pending, failed: 0 },
});

test("presence: the list, then each change, and after a reconnect what changed meanwhile", async () => {
  const kitchen = server.connect().room("kitchen");
  const heard: [readonly string[], readonly PresenceChange[]][] = [];
  const watch = await kitchen.watchPresence((...args) => heard.push(args));
  expect(payloads("holdfast:presence")).toEqual([{ room: "kitchen", watch: true, after: 0, limit: 1_000 }]);
  change({ user: "cid", online: true }, { user: "ann", online: true });
  change({ user: "dan", online: false, member: true });
  tell("holdfast:presence", { room: "bar", changes: [{ user: "eve", online: true }] });
  await turnsUntil(() => heard.length === 3);
  expect(heard).toEqual([
    [["ann", "bob"], []],
    [["ann", "bob", "cid"], [{ user: "cid", online: true }]],
    [["ann", "bob", "cid"], [{ user: "dan", online: false, member: true }]],
  ]);
  pages = { 0: { users: ["bob", "cid", "eve"] } };
  server.cut();
  await turnsUntil(() => heard.length === 4);
  expect(heard[3]).toEqual([
    ["bob", "cid", "eve"],
    [
      { user: "eve", online: true },
      { user: "ann", online: false },
    ],
  ]);
  await watch.stop();
  expect(payloads("holdfast:presence").at(-1)).toEqual({ room: "kitchen", watch: false, limit: 1 });
  change({ user: "fay", online: true });
  server.cut();
  await server.until(() => server.socket !== undefined);
  await kitchen.presence();
  expect(heard).toHaveLength(4);
  expect(payloads("holdfast:presence").at(-1)).toEqual({ room: "kitchen" });
});

test("presence: pages make one list, with what changes meanwhile, from the beginning when something was missed", async () => {
  const kitchen = server.connect().room("kitchen");
  pages = { 0: { users: ["ann", "bob"], next: 2 }, 2: { users: ["cid"] } };
  const { onRequest } = server;
  let asked = 0;
  server.onRequest = (event, payload) => {
    if (event === "holdfast:presence" && payload.after === 2) {
      asked++;
      change({ user: "ann", online: false }, { user: "dan", online: true });
      if (asked === 1) tell("holdfast:presence", { room: "kitchen", again: true });
    }
    return onRequest(event, payload);
  };
  const heard: (readonly string[])[] = [];
  await kitchen.watchPresence((online) => heard.push(online));
  expect(asked).toBe(2);
  expect(heard).toEqual([["bob", "dan", "cid"]]);
  pages = { 0: { users: ["cid"] } };
  tell("holdfast:presence", { room: "kitchen", again: true });
  await turnsUntil(() => heard.length === 2);
  expect(heard[1]).toEqual(["cid"]);
});

test("presence: a refused watch is no watch; one that ends sees nobody any more; a passing refusal is waited for", async () => {
  const kitchen = server.connect().room("kitchen");
  refusal = { code: "FORBIDDEN", message: "by the test", retryable: false };
  await expect(kitchen.watchPresence(() => {})).rejects.toMatchObject({ code: "FORBIDDEN" });
  refusal = undefined;
  const heard: unknown[][] = [[], []];
  await kitchen.watchPresence((...args) => heard[0]?.push(args));
  await kitchen.watchPresence((...args) => heard[1]?.push(args));
  expect(payloads("holdfast:presence")).toHaveLength(2);
  refusal = { code: "ENGINE_UNAVAILABLE", message: "by the test", retryable: true };
  tell("holdfast:presence", { room: "kitchen", again: true });
  await server.until(() => payloads("holdfast:presence").length === 4);
  refusal = { code: "FORBIDDEN", message: "by the test", retryable: false };
  const gone = [
    { user: "ann", online: false },
    { user: "bob", online: false },
  ];
  await turnsUntil(() => heard.every(({ length }) => length === 2));
  for (const calls of heard) expect(calls[1]).toEqual([[], gone]);
});

test("receipts: what is known, then each change; after a reconnect from the oldest that is pending", async () => {
  const kitchen = server.connect().room("kitchen");
  receipts = { from: 3, items: [message(3, 2, 0), message(5, 1, 1)] };
  const heard: (readonly RoomMessageCounts[])[] = [];
  const watch = await kitchen.watchReceipts((messages) => heard.push(messages), { from: 2 });
  tell("holdfast:receipts", { items: [message(6, 0, 2), { ...message(6, 0, 2), room: "bar" }, message(8, 2, 0)] });
  await turnsUntil(() => heard.length === 2);
  expect(heard).toEqual([
    [message(3, 2, 0), message(5, 1, 1)],
    [message(6, 0, 2), message(8, 2, 0)],
  ]);
  receipts = { from: 5, items: [message(5, 2, 0)] };
  server.cut();
  await turnsUntil(() => heard.length === 3);
  tell("holdfast:receipts", { items: [message(6, 2, 0)] });
  await turnsUntil(() => heard.length === 4);
  receipts = { from: 9, items: [] };
  tell("holdfast:receipts", { room: "kitchen", again: true });
  await server.until(() => payloads("holdfast:receipts").length === 3);
  expect(payloads("holdfast:receipts")).toEqual([2, 5, 9].map((from) => ({ room: "kitchen", watch: true, from })));
  await watch.stop();
  expect(payloads("holdfast:receipts").at(-1)).toEqual({ room: "kitchen", watch: false });
  server.cut();
  await server.until(() => server.socket !== undefined);
  await kitchen.members();
  expect(payloads("holdfast:receipts")).toHaveLength(4);
});

test("receipts: of what is emitted from now on, where nothing else is said", async () => {
  const kitchen = server.connect().room("kitchen");
  const heard: (readonly RoomMessageCounts[])[] = [];
  await kitchen.watchReceipts((messages) => heard.push(messages));
  server.cut();
  await server.until(() => payloads("holdfast:receipts").length === 2);
  expect(payloads("holdfast:receipts")).toEqual([
    { room: "kitchen", watch: true },
    { room: "kitchen", watch: true, from: 7 },
  ]);
  expect(heard).toEqual([]);
  refusal = { code: "NOT_FOUND", message: "by the test", retryable: false };
  await expect(
    server
      .connect()
      .room("bar")
      .watchReceipts(() => {}),
  ).rejects.toMatchObject({ code: "NOT_FOUND" });
});
