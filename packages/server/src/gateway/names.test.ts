import type { Socket } from "socket.io-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, consume, Happenings, type PlainDelivery, type Reply, TestHost } from "./test-host.js";

/** Names and texts from clients that could be taken for something else, at every place where one may stand. */
let host: TestHost;
let client: Socket;

beforeAll(async () => {
  host = await TestHost.open({ queuesMax: 1_000_000, roomsMax: 1_000_000, limits: { badRequestRate: false } });
  client = await host.client({ auth: { user: "bob" } });
});

afterAll(() => host.close());

type Request = readonly [operation: string, payload: object];
type Place = (given: unknown) => Request;

/** A request as a client may write it: also with a field `__proto__` of its own. */
const wire = (json: string): object => JSON.parse(json) as object;
const headersNamed = (name: unknown): object => wire(`{${JSON.stringify(String(name))}:"x"}`);

/** Where a name stands: of a queue, a room, a device. */
const NAMES: Readonly<Record<string, Place>> = {
  "publish.queue": (queue) => ["publish", { queue, body: 1 }],
  "publish.queue of an array": (queue) => ["publish", { queue, messages: [{ body: 1 }] }],
  "publish.messages.queue": (queue) => ["publish", { messages: [{ queue, body: 1 }] }],
  "publish.replyTo": (replyTo) => ["publish", { queue: "q", body: 1, replyTo }],
  "consume.queue": (queue) => ["consume", { queue }],
  "define.queue": (queue) => ["define", { queue }],
  "define.deadLetter": (deadLetter) => ["define", { queue: "q", deadLetter }],
  "define.room": (room) => ["define", { room }],
  "delete.queue": (queue) => ["delete", { queue }],
  "delete.room": (room) => ["delete", { room }],
  "list.queue": (queue) => ["list", { kind: "schedules", queue }],
  "stats.queue": (queue) => ["stats", { queue }],
  "stats.room": (room) => ["stats", { room }],
  "peek.queue": (queue) => ["peek", { queue }],
  "dead.queue": (queue) => ["dead", { queue }],
  "key.queue": (queue) => ["key", { queue, key: "k", action: "skip" }],
  "purge.queue": (queue) => ["purge", { queue }],
  "pause.queue": (queue) => ["pause", { queue }],
  "resume.queue": (queue) => ["resume", { queue }],
  "redrive.queue": (queue) => ["redrive", { queue }],
  "schedule.queue": (queue) => ["schedule", { queue, name: "n", cron: "0 0 1 1 *", message: { body: 1 } }],
  "schedule.name": (name) => ["schedule", { queue: "q", name, cron: "0 0 1 1 *", message: { body: 1 } }],
  "schedule.name to remove": (name) => ["schedule", { queue: "q", name, remove: true }],
  "join.room": (room) => ["join", { room }],
  "join.device": (device) => ["join", { room: "r", device }],
  "leave.room": (room) => ["leave", { room }],
  "emit.room": (room) => ["emit", { room, event: "e" }],
  "emit.rooms": (room) => ["emit", { rooms: [room], event: "e" }],
  "emit.except": (room) => ["emit", { room: "r", except: [room], event: "e" }],
  "receipts.room": (room) => ["receipts", { room, id: "id" }],
  "receipts.room watched": (room) => ["receipts", { room, watch: true }],
  "history.room": (room) => ["history", { room }],
  "add.room": (room) => ["add", { room, member: { user: "bob" } }],
  "add.queue": (queue) => ["add", { room: "r", member: { queue } }],
  "remove.room": (room) => ["remove", { room, member: { user: "bob" } }],
  "remove.queue": (queue) => ["remove", { room: "r", member: { queue } }],
  "members.room": (room) => ["members", { room }],
  "presence.room": (room) => ["presence", { room }],
  "hello.device": (device) => ["hello", { frames: 1, rooms: { device } }],
};

/** Where a text of the application's own stands, of so many bytes. */
const TEXTS: Readonly<Record<string, Place>> = {
  "publish.id": (id) => ["publish", { queue: "q", body: 1, id }],
  "publish.key": (key) => ["publish", { queue: "q", body: 1, key }],
  "publish.event": (event) => ["publish", { queue: "q", body: 1, event }],
  "publish.correlationId": (correlationId) => ["publish", { queue: "q", body: 1, correlationId }],
  "key.key": (key) => ["key", { queue: "q", key, action: "retry" }],
  "schedule.message.key": (key) => ["schedule", { queue: "q", name: "n", cron: "0 0 1 1 *", message: { body: 1, key } }],
  "emit.event": (event) => ["emit", { room: "r", event }],
  "emit.id": (id) => ["emit", { room: "r", event: "e", id }],
  "emit.key": (key) => ["emit", { room: "r", event: "e", key }],
  "emit.user": (user) => ["emit", { user, event: "e" }],
  "emit.except.user": (user) => ["emit", { room: "r", except: [{ user }], event: "e" }],
  "receipts.user": (user) => ["receipts", { user, id: "id" }],
  "receipts.id": (id) => ["receipts", { room: "r", id }],
  "add.user": (user) => ["add", { room: "other", member: { user } }],
  "remove.user": (user) => ["remove", { room: "other", member: { user } }],
};

/** What a server gave and only it knows, which a client may make up. */
const HANDLES: Readonly<Record<string, Place>> = {
  "consume.consumer": (consumer) => ["consume", { queue: "q", consumer }],
  "settle.consumer": (consumer) => ["settle", { consumer, settlements: [{ token: "t", ack: true }] }],
  "settle.token": (token) => ["settle", { consumer: "c", settlements: [{ token, ack: true }] }],
  "cancel.consumer": (consumer) => ["cancel", { consumer }],
  "redrive.ids": (id) => ["redrive", { queue: "q", ids: [id] }],
  "list.after": (after) => ["list", { kind: "queues", after }],
};

/** Of the form of a name, and names of something else in JavaScript or on a disk. */
const TAKEN = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "__defineGetter__", ".", "..", "-", ":", "0", "null"];
const BEYOND = ["a b", "../../etc/passwd", "a/b", "a\\b", "a\0b", "a\nb", "\u001b[2J", "é", "名前", "😀", "a\u202eb", "%2e%2e", "*", "<b>"];
const HUGE = "x".repeat(100_000);
const NO_TEXT = [7, -0, true, null, {}, [], ["q"], wire('{"toString":"q"}'), wire('{"__proto__":"q"}'), Buffer.from("q")];

const shown = (given: unknown): string => JSON.stringify(given).slice(0, 80);

const made = async (place: Place, given: unknown): Promise<Reply> => {
  const [operation, payload] = place(given);
  const reply = await ask(client, `holdfast:${operation}`, payload);
  // A consumer of each queue would be too many.
  if (operation === "consume" && reply.ok) await ask(client, "holdfast:cancel", { consumer: reply.consumer });
  return reply;
};

const isRefused = async (place: Place, given: unknown): Promise<void> => {
  const reply = await made(place, given);
  expect(reply, shown(given)).toMatchObject({ ok: false, error: { code: "BAD_REQUEST", retryable: false } });
  expect(reply.error?.message.length).toBeLessThan(300);
};

/** Answered, with success or a named error, by a server that is what it was. */
const isHarmless = async (place: Place, given: unknown): Promise<void> => {
  const reply = await made(place, given);
  if (!reply.ok)
    expect(["BAD_REQUEST", "NOT_FOUND", "FORBIDDEN", "TOO_LARGE"], `${shown(given)}: ${reply.error?.message}`).toContain(reply.error?.code);
  expect(Reflect.ownKeys(Object.prototype)).toEqual(PROTOTYPE);
};

const PROTOTYPE = Reflect.ownKeys(Object.prototype);

describe.each(Object.entries(NAMES))("a name as %s", (_, place) => {
  it("is harmless where it has the form of one, and refused where it has not", async () => {
    for (const name of TAKEN) await isHarmless(place, name);
    for (const name of ["", HUGE, "x".repeat(129), "\ud800", ...BEYOND, ...NO_TEXT]) await isRefused(place, name);
  });
});

describe.each(Object.entries(TEXTS))("a text as %s", (_, place) => {
  it("is harmless whatever it says, and refused where it is empty, too long or no text", async () => {
    for (const text of [...TAKEN, ...BEYOND, "\u0000", "\uffff"]) await isHarmless(place, text);
    for (const text of ["", HUGE, "\ud800", "a\udc00b", ...NO_TEXT]) await isRefused(place, text);
  });
});

describe.each(Object.entries(HANDLES))("what is made up as %s", (_, place) => {
  it("is nobody's", async () => {
    for (const text of [...TAKEN, ...BEYOND, ...NO_TEXT, "", HUGE, "\ud800"]) await isHarmless(place, text);
  });
});

describe("names that JavaScript has itself", () => {
  it.each(TAKEN)("%s is a queue like any other, from its first message to its end", async (queue) => {
    const mine = await host.client({ auth: { user: "eve" } });
    const got = new Happenings<PlainDelivery>();
    await ask(mine, "holdfast:purge", { queue });
    await consume(mine, { queue }, (delivery, callback) => {
      got.add(delivery);
      callback();
    });
    expect(await ask(mine, "holdfast:publish", { queue, body: queue, key: queue, id: queue })).toMatchObject({ ok: true });
    expect((await got.count(1))[0]).toMatchObject({ queue, body: queue, key: queue, id: queue });
    expect(await ask(mine, "holdfast:publish", { queue, body: queue, key: queue, id: queue })).toMatchObject({
      receipts: [{ id: queue, duplicate: true }],
    });
    const names = (await ask(mine, "holdfast:list", { kind: "queues", limit: 1_000 })).items;
    expect(names).toContain(queue);
    expect(await ask(mine, "holdfast:delete", { queue })).toEqual({ ok: true });
    mine.disconnect();
  });

  it.each(TAKEN)("%s is a room, a user, a device and an event like any other", async (name) => {
    const mine = await host.client({ auth: { user: name, device: name } });
    const got = new Promise<unknown[]>((resolve) =>
      mine.onAny((...args: unknown[]) => {
        if (args[0] === name) resolve(args.slice(0, 2));
      }),
    );
    expect(await ask(mine, "holdfast:join", { room: name })).toMatchObject({ ok: true });
    expect(await ask(mine, "holdfast:emit", { room: name, event: name, args: [wire('{"__proto__":1}')] })).toMatchObject({ ok: true });
    const [event, argument] = await got;
    expect([event, JSON.stringify(argument)]).toEqual([name, '{"__proto__":1}']);
    const { items } = await ask(mine, "holdfast:members", { room: name });
    expect(items).toContainEqual(expect.objectContaining({ user: name }));
    mine.disconnect();
  });

  it("are headers like any other, none is left out in silence, and none becomes a prototype", async () => {
    const got = new Happenings<PlainDelivery & { headers?: object }>();
    await consume(client, { queue: "headers" }, (delivery, callback) => {
      got.add(delivery);
      callback();
    });
    const names = [...TAKEN, ...BEYOND].filter((name) => name !== "__proto__");
    for (const [index, name] of names.entries()) {
      const reply = await ask(client, "holdfast:publish", { queue: "headers", body: 1, headers: headersNamed(name) });
      expect(reply, name).toMatchObject({ ok: true });
      const delivery = (await got.count(index + 1))[index];
      expect(JSON.stringify(delivery?.headers), name).toBe(JSON.stringify(headersNamed(name)));
    }
    for (const json of [
      '{"__proto__":"x"}',
      '{"__proto__":1}',
      '{"a":{"__proto__":"b"}}',
      '{"a":null}',
      "[]",
      '"x"',
      '{"__proto__":{"polluted":"x"}}',
    ]) {
      const reply = await ask(client, "holdfast:publish", { queue: "headers", body: 1, headers: wire(json) });
      expect(reply, json).toMatchObject({ ok: false, error: { code: "BAD_REQUEST" } });
    }
    expect(Reflect.ownKeys(Object.prototype)).toEqual(PROTOTYPE);
  });

  it("ids and keys that differ only in what is no character are refused, not taken for one", async () => {
    for (const field of ["id", "key"]) {
      const reply = await ask(client, "holdfast:publish", { queue: "q", body: 1, [field]: "a\ud801" });
      expect(reply).toMatchObject({ ok: false, error: { code: "BAD_REQUEST", message: expect.stringContaining("bytes of UTF-8") } });
    }
  });
});
