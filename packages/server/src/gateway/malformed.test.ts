import type { Socket } from "socket.io-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Holdfast } from "../holdfast.js";
import { ask, consume, Happenings, type PlainDelivery, type Reply, TestHost, until } from "./test-host.js";

let host: TestHost;
let hostile: Socket;
let other: Socket;
let otherGets: Happenings<PlainDelivery>;

beforeAll(async () => {
  host = await TestHost.open({ queuesMax: 6 });
  [hostile, other] = [await host.client(), await host.client()];
  otherGets = new Happenings();
  await consume(other, { queue: "other" }, (delivery, callback) => {
    otherGets.add(delivery);
    callback();
  });
});

afterAll(() => host.close());

/** The other client publishes, consumes and settles as if nothing had happened. */
async function otherIsUnharmed(): Promise<void> {
  const before = otherGets.items.length;
  expect(await ask(other, "holdfast:publish", { queue: "other", body: before })).toMatchObject({ ok: true });
  expect((await otherGets.count(before + 1)).at(-1)?.body).toBe(before);
  expect(hostile.connected).toBe(true);
}

const deep = (depth: number): unknown => (depth === 0 ? 1 : [deep(depth - 1)]);
const proto = JSON.parse('{"queue":"q","body":1,"__proto__":{"polluted":true}}') as object;

/** Arguments of a request, and the code and a part of the message of the refusal. */
const refused: readonly (readonly [event: string, args: readonly unknown[], code: string, message: string])[] = [
  ["publish", [], "BAD_REQUEST", "the payload is missing, expected an object"],
  ["publish", [null], "BAD_REQUEST", "the payload is null, expected an object"],
  ["publish", ["text"], "BAD_REQUEST", 'the payload is "text", expected an object'],
  ["publish", [[1, 2]], "BAD_REQUEST", "the payload is an array of 2, expected an object"],
  ["publish", [Buffer.from("x")], "BAD_REQUEST", "the payload is 1 bytes, expected an object"],
  ["publish", [{ queue: "q", body: 1 }, "extra"], "BAD_REQUEST", 'argument 2 is "extra", expected an acknowledgement callback or nothing'],
  ["publish", [{ body: 1 }], "BAD_REQUEST", "queue is missing, expected a string"],
  ["publish", [{ queue: 7, body: 1 }], "BAD_REQUEST", "queue is 7, expected a string"],
  ["publish", [{ queue: "no spaces", body: 1 }], "BAD_REQUEST", 'queue is "no spaces", expected ^[\\w.:-]{1,128}$'],
  ["publish", [{ queue: "x".repeat(129), body: 1 }], "BAD_REQUEST", "expected ^[\\w.:-]{1,128}$"],
  ["publish", [{ queue: "q" }], "BAD_REQUEST", "body is missing, expected a value"],
  ["publish", [{ queue: "q", body: 1, later: 5 }], "BAD_REQUEST", "later is 5, expected no such field"],
  ["publish", [proto], "BAD_REQUEST", "__proto__ is an object, expected no such field"],
  ["publish", [{ queue: "q", body: 1, id: "" }], "BAD_REQUEST", 'id is "", expected 1 to 128 bytes of UTF-8'],
  ["publish", [{ queue: "q", body: 1, id: "é".repeat(65) }], "BAD_REQUEST", "expected 1 to 128 bytes of UTF-8"],
  ["publish", [{ queue: "q", body: 1, key: 7 }], "BAD_REQUEST", "key is 7, expected a string"],
  ["publish", [{ queue: "q", body: 1, headers: { a: 1 } }], "BAD_REQUEST", "headers.a is 1, expected a string"],
  ["publish", [{ queue: "q", body: 1, headers: { a: "x".repeat(8_200) } }], "TOO_LARGE", "headers take"],
  ["publish", [{ queue: "q", body: "x".repeat(262_144) }], "TOO_LARGE", "at most 262144 are allowed"],
  ["publish", [{ queue: "q", body: deep(33) }], "BAD_REQUEST", "body is deeper than 32"],
  ["publish", [{ queue: "q", messages: [] }], "BAD_REQUEST", "messages is an array of 0, expected at least 1 items"],
  ["publish", [{ queue: "q", messages: "x" }], "BAD_REQUEST", 'messages is "x", expected an array'],
  ["publish", [{ queue: "q", messages: [{ body: 1, queue: "p" }] }], "BAD_REQUEST", 'messages.0.queue is "p", expected no such field'],
  ["publish", [{ messages: [{ body: 1 }] }], "BAD_REQUEST", "messages.0.queue is missing, expected a string"],
  ["publish", [{ messages: new Array(1_001).fill(1) }], "TOO_LARGE", "messages has 1001 items, at most 1000 are allowed"],
  ["consume", [{ queue: "q", maxInFlight: 0 }], "BAD_REQUEST", "maxInFlight is 0, expected at least 1"],
  ["consume", [{ queue: "q", maxInFlight: 10_001 }], "BAD_REQUEST", "maxInFlight is 10001, expected at most 10000"],
  ["consume", [{ queue: "q", maxInFlight: 1.5 }], "BAD_REQUEST", "maxInFlight is 1.5, expected an int"],
  ["consume", [{ queue: "q", consumer: "unknown" }], "NOT_FOUND", 'there is no consumer "unknown" of yours on queue q'],
  ["consume", [{ queue: "q", frames: true }], "BAD_REQUEST", "frames is true before holdfast:hello"],
  ["consume", [{ queue: "q", frames: 1 }], "BAD_REQUEST", "frames is 1, expected true"],
  ["settle", [{ consumer: "x" }], "BAD_REQUEST", "settlements is missing, expected an array"],
  ["settle", [{ consumer: "x", settlements: [{ ack: true }] }], "BAD_REQUEST", "settlements.0.token is missing, expected a string"],
  ["settle", [{ consumer: "x", settlements: [{ token: "t" }] }], "BAD_REQUEST", "a settlement has 0 of ack, nack"],
  ["settle", [{ consumer: "x", settlements: [{ token: "t", ack: true, release: true }] }], "BAD_REQUEST", "a settlement has 2 of"],
  [
    "settle",
    [{ consumer: "x", settlements: [{ token: "t", extend: { leaseMs: 10 } }] }],
    "BAD_REQUEST",
    "extend.leaseMs is 10, expected at least 1000",
  ],
  ["cancel", [{ consumer: 1 }], "BAD_REQUEST", "consumer is 1, expected a string"],
  ["define", [{ queue: "q", ordering: "random" }], "BAD_REQUEST", 'ordering is "random", expected "none"'],
  ["define", [{ queue: "q", leaseMs: 1 }], "BAD_REQUEST", "leaseMs is 1, expected at least 1000"],
  ["define", [{ queue: "q", deadLetter: 5 }], "BAD_REQUEST", "deadLetter is 5, expected a string or false"],
  [
    "define",
    [{ queue: "q", deadLetter: `reply:${"a".repeat(20)}` }],
    "BAD_REQUEST",
    'deadLetter is "reply:aaaaaaaaaaaaaaaaaaaa", a reply queue',
  ],
  ["define", [{ queue: "q", deadLetter: "a b" }], "BAD_REQUEST", 'deadLetter is "a b", expected ^[\\w.:-]{1,128}$'],
  ["define", [{ queue: "q", depthMax: -1 }], "BAD_REQUEST", "depthMax is -1, expected at least 0"],
  ["define", [{ queue: "q", bytesMax: 0.5 }], "BAD_REQUEST", "bytesMax is 0.5, expected an int"],
  ["define", [{ queue: "q", overflow: "drop" }], "BAD_REQUEST", 'overflow is "drop", expected "reject" or "dead-letter-oldest"'],
  [
    "define",
    [{ queue: "q", ratePerSecondMax: 0.0001 }],
    "BAD_REQUEST",
    "ratePerSecondMax is 0.0001, expected 0 (no limit) or 0.001 to 1000000",
  ],
  [
    "define",
    [{ queue: "q", backoff: { type: "list", delaysMs: [] } }],
    "BAD_REQUEST",
    "backoff.delaysMs is an array of 0, expected at least 1 items",
  ],
  ["define", [{ queue: "q", backoff: { type: "list", delaysMs: [-1] } }], "BAD_REQUEST", "backoff.delaysMs.0 is -1, expected at least 0"],
  [
    "define",
    [{ queue: "q", backoff: { type: "list", delaysMs: [1], jitter: 1 } }],
    "BAD_REQUEST",
    "backoff.jitter is 1, expected no such field",
  ],
  ["define", [{ queue: "q", backoff: { type: "x" } }], "BAD_REQUEST", 'backoff.type is "x", expected "fixed", "exponential" or "list"'],
  ["define", [{ queue: "q", priorities: 0 }], "BAD_REQUEST", "priorities is 0, expected at least 1"],
  ["define", [{ queue: "q", priorities: 11 }], "BAD_REQUEST", "priorities is 11, expected at most 10"],
  ["publish", [{ queue: "q", body: 1, priority: 10 }], "BAD_REQUEST", "priority is 10, expected at most 9"],
  ["publish", [{ queue: "q", body: 1, priority: "high" }], "BAD_REQUEST", 'priority is "high", expected a number'],
  ["publish", [{ queue: "q", messages: [{ body: 1, priority: -1 }] }], "BAD_REQUEST", "messages.0.priority is -1, expected at least 0"],
  ["list", [{ kind: "boxes" }], "BAD_REQUEST", 'kind is "boxes", expected "queues"'],
  ["list", [{ kind: "queues", limit: 1_001 }], "BAD_REQUEST", "limit is 1001, expected at most 1000"],
  ["peek", [{ queue: "q", after: -1 }], "BAD_REQUEST", "after is -1, expected at least 0"],
  ["stats", [{ queue: "never-made" }], "NOT_FOUND", "never-made"],
  ["hello", [{ frames: 2 }], "BAD_REQUEST", "frames is 2, expected 1"],
];

describe("malformed requests get the named error and harm nobody else", () => {
  for (const [operation, args, code, message] of refused) {
    it(`${operation} ${JSON.stringify(args).slice(0, 60)}: ${code} ${message}`, async () => {
      const reply = await ask(hostile, `holdfast:${operation}`, ...args);
      expect(reply).toMatchObject({ ok: false, error: { code, retryable: false } });
      expect(reply.error?.message).toContain(message);
      await otherIsUnharmed();
    });
  }

  it("an array of more than 1 MiB is TOO_LARGE", async () => {
    const large = await TestHost.open({ io: { maxHttpBufferSize: 4_000_000 } });
    try {
      const client = await large.client();
      const messages = new Array(5).fill({ body: "x".repeat(250_000) });
      const reply = await ask(client, "holdfast:publish", { queue: "q", messages });
      expect(reply).toMatchObject({ ok: false, error: { code: "TOO_LARGE", message: expect.stringContaining("at most 1048576") } });
      expect(
        (await large.holdfast
          .queue("q")
          .stats()
          .catch((error: unknown) => error)) as object,
      ).toMatchObject({ code: "NOT_FOUND" });
    } finally {
      await large.close();
    }
  });

  it("more than 10 buffers in a body are TOO_LARGE, where the parser lets them through", async () => {
    const buffers = (count: number): Buffer[] => Array.from({ length: count }, () => Buffer.from("x"));
    expect(await ask(hostile, "holdfast:publish", { queue: "q", body: buffers(10) })).toMatchObject({ ok: true });
    await expect(host.holdfast.queue("q").publish(buffers(11))).rejects.toMatchObject({ code: "TOO_LARGE" });
  });

  it("too many queues are TOO_LARGE, and a deleted one makes room", async () => {
    const names = Array.from({ length: 8 }, (_, index) => `many-${index}`);
    const replies: Reply[] = [];
    for (const queue of names) replies.push(await ask(hostile, "holdfast:define", { queue }));
    const made = names.filter((_, index) => replies[index]?.ok === true);
    expect(replies.find(({ ok }) => !ok)).toMatchObject({ error: { code: "TOO_LARGE", message: expect.stringContaining("at most 6") } });
    expect(await ask(hostile, "holdfast:publish", { queue: "one-more", body: 1 })).toMatchObject({
      ok: false,
      error: { code: "TOO_LARGE" },
    });
    expect(await ask(hostile, "holdfast:delete", { queue: made[0] })).toEqual({ ok: true });
    expect(await ask(hostile, "holdfast:publish", { queue: "one-more", body: 1 })).toMatchObject({ ok: true });
    await otherIsUnharmed();
  });

  it("invalid users are UNAUTHENTICATED", async () => {
    for (const user of [7, "", "x".repeat(257)]) {
      const client = await host.client({ auth: { user } });
      const reply = await ask(client, "holdfast:publish", { queue: "q", body: 1 });
      expect(reply).toMatchObject({
        ok: false,
        error: { code: "UNAUTHENTICATED", message: expect.stringContaining("expected 1 to 256 bytes") },
      });
    }
  });

  it("NOT_FOUND where queues are not created by themselves", async () => {
    const strict = await TestHost.open({ autoCreate: false });
    try {
      const client = await strict.client();
      for (const event of ["publish", "consume"]) {
        const reply = await ask(client, `holdfast:${event}`, event === "publish" ? { queue: "q", body: 1 } : { queue: "q" });
        expect(reply).toMatchObject({ ok: false, error: { code: "NOT_FOUND", retryable: false } });
      }
      const define = ask(client, "holdfast:define", { queue: "q" });
      const publish = ask(client, "holdfast:publish", { queue: "q", body: 1 });
      expect([await define, await publish]).toMatchObject([{ ok: true }, { ok: true }]);
    } finally {
      await strict.close();
    }
  });

  it("a server that shuts down says so", async () => {
    const closing = await TestHost.open();
    const client = await closing.client();
    await ask(client, "holdfast:publish", { queue: "q", body: 1 });
    const consumer = await consume(client, { queue: "q" }, () => undefined);
    const cancelled = new Promise((resolve) => client.once("holdfast:cancelled", resolve));
    await closing.holdfast.close();
    expect(await cancelled).toEqual({ consumer, queue: "q", reason: "shutting-down" });
    const reply = await ask(client, "holdfast:publish", { queue: "q", body: 1 });
    expect(reply).toMatchObject({ ok: false, error: { code: "SHUTTING_DOWN", retryable: true } });
    expect(await ask(await closing.client(), "holdfast:hello", { frames: 1 })).toMatchObject({ error: { code: "SHUTTING_DOWN" } });
    const next = await Holdfast.open({ engine: "memory" });
    next.attach(closing.io);
    expect(() => next.attach(closing.io)).toThrow(/attached already/);
    expect(await ask(client, "holdfast:publish", { queue: "q", body: 1 })).toMatchObject({ ok: true });
    await next.close();
    await closing.close();
    await until(() => !client.connected);
  });
});
