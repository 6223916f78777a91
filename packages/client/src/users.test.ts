import { afterEach, beforeEach, expect, test } from "vitest";
import { TestServer } from "./test-server.js";
import { type InboxDelivery, inbox, to, user } from "./users.js";

let server: TestServer;

beforeEach(async () => {
  server = await TestServer.start();
});

afterEach(() => server.stop());

const connected = (): Promise<unknown> => server.until(() => server.events().includes("holdfast:hello"));

const emits = (): unknown[] => server.requests.filter(({ event }) => event === "holdfast:emit").map(({ payload }) => payload);

test("messages of the inbox come to its handlers, in frames and as events, and are acked", async () => {
  const holdfast = server.connect();
  const seen: unknown[][] = [];
  await inbox(holdfast).on<[unknown, InboxDelivery]>("note", (...args) => void seen.push(args));
  await connected();
  server.socket?.emit("holdfast:frame", [9, { user: "ann" }, 3, false, [["note", "m3", ["hello"], "bob"]]]);
  await server.until(() => server.roomSettlements.length > 0);
  expect(server.roomSettlements).toEqual([[[9, 3, 1]]]);
  const about = { id: "m4", user: "ann", sequence: 4, redelivered: true };
  const answer = await new Promise((resolve) => server.socket?.emit("note", "again", about, (...args: unknown[]) => resolve(args)));
  expect(answer).toEqual([]);
  expect(seen).toEqual([
    ["hello", { id: "m3", user: "ann", sequence: 3, redelivered: false, sender: "bob" }],
    ["again", about],
  ]);
});

test("S4: gaps of the inbox come to its listeners, and are confirmed", async () => {
  const holdfast = server.connect();
  const gaps: unknown[] = [];
  await inbox(holdfast).onGap((gap) => void gaps.push(gap));
  await connected();
  const gap = { user: "ann", from: 1, to: 2, reason: "expired" };
  await new Promise((resolve) => server.socket?.emit("holdfast:gap", gap, () => resolve(undefined)));
  expect(gaps).toEqual([gap]);
});

test("P4: an event goes to rooms and users at once, under an id that stays when it is sent again", async () => {
  const receipts = [{ id: "x", sequence: 1, duplicate: false }];
  let lost = false;
  server.onRequest = (event) => {
    if (event !== "holdfast:emit") return { ok: true };
    if (lost) return { ok: true, receipts };
    lost = true;
    server.socket?.conn.close();
    return undefined;
  };
  const holdfast = server.connect();
  const audience = to(holdfast, "kitchen", user("bob")).to("bar").except(user("cid"), "attic");
  expect(await audience.emitWith({ key: "k" }, "order", { table: 4 }, 2)).toEqual(receipts);
  const [first, second] = emits();
  const rooms = ["kitchen", { user: "bob" }, "bar"];
  const id = expect.any(String);
  expect(first).toEqual({ rooms, except: [{ user: "cid" }, "attic"], event: "order", args: [{ table: 4 }, 2], key: "k", id });
  expect(second).toEqual(first);
  await expect(to(holdfast).emit("order")).rejects.toMatchObject({ code: "BAD_REQUEST" });
});
