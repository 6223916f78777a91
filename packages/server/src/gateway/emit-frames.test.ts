import { ByteWriter, FRAME_EVENT, type FrameWriter, type PublishSection, writePacked } from "holdfast-client/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FrameClient } from "./frame-client.js";
import { Peer } from "./peer.js";
import { TestHost } from "./test-host.js";

let host: TestHost;
let ann: FrameClient;
let bob: Peer;

beforeEach(async () => {
  host = await TestHost.open();
  bob = await Peer.connect(host, { user: "bob" });
  await bob.ask("join", { room: "kitchen" });
  ann = await FrameClient.on(await host.client({ auth: { user: "ann" } }));
});

afterEach(() => host.close());

interface Emit {
  readonly id?: string;
  readonly chosenId?: boolean;
  readonly event?: string;
  readonly headers?: object;
  readonly replyTo?: string;
  readonly except?: unknown;
  /** JSON. */
  readonly args?: string;
  readonly priority?: number;
  readonly delayMs?: number;
}

function recordsOf(emits: readonly Emit[]): Uint8Array {
  const writer = new ByteWriter();
  for (const { id = "m", chosenId = false, event = "n", headers, replyTo, except, args = "[]", priority = 0, delayMs } of emits) {
    const texts = [
      event,
      undefined,
      headers && JSON.stringify(headers),
      replyTo,
      undefined,
      typeof except === "string" ? except : JSON.stringify(except),
    ];
    writePacked(writer, id, (chosenId ? 1 : 0) | (priority << 2), texts, args, { delayMs });
  }
  return writer.take();
}

const emit =
  (emits: readonly Emit[], more: Partial<PublishSection> = {}) =>
  (writer: FrameWriter, request: number): void => {
    const { firstNumber = 1, oldestOpen = firstNumber } = more;
    const records = recordsOf(emits);
    const count = emits.length;
    writer.publish({ request, atomic: false, queue: "#kitchen", producer: "p", count, records, ...more, firstNumber, oldestOpen });
  };

const numbered = (...numbers: number[]): Emit[] => numbers.map((n) => ({ id: `p-${n}`, args: `[${n}]` }));

describe("emit sections", () => {
  it("are stored in order and handed to the members, with the sender known", async () => {
    const request = ann.section(
      emit([...numbered(1, 2), { id: "mine", event: "order", args: '[{"amount":1.0},"é"]', headers: { trace: "7" } }]),
    );
    expect(await ann.receipts.count(1)).toEqual([{ request, runs: [{ count: 3, sequence: 1, duplicate: false, error: undefined }] }]);
    expect(await bob.events.count(3)).toEqual([
      ["n", 1],
      ["n", 2],
      ["order", { amount: 1 }, "é"],
    ]);
    const sender = await Peer.connect(host, { user: "ann", device: "other" });
    expect(await sender.ask("receipts", { room: "kitchen", id: "mine" })).toMatchObject({ ok: true, delivered: ["bob"] });
    expect(await bob.ask("receipts", { room: "kitchen", id: "mine" })).toMatchObject({ error: { code: "FORBIDDEN" } });
  });

  it("as PROTOCOL.md writes them, byte for byte", async () => {
    const frame = "01 4f000000 01000000 00 08 236b69746368656e 01 70 010000000000 010000000000 0100";
    const record = "31000000 00 21 02 03 702d31 0500 6f72646572 1000 5b7b2275736572223a22626f62227d5d 5b7b227461626c65223a347d5d";
    const cid = await Peer.connect(host, { user: "cid" });
    await cid.ask("join", { room: "kitchen" });
    ann.socket.emit(FRAME_EVENT, Buffer.from(`${frame}${record}`.replaceAll(" ", ""), "hex"));
    expect(await ann.receipts.count(1)).toMatchObject([{ request: 1, runs: [{ count: 1, sequence: 1, duplicate: false }] }]);
    expect(await cid.events.count(1)).toEqual([["order", { table: 4 }]]);
    ann.section(emit(numbered(2), { firstNumber: 2 }));
    expect(await bob.events.count(1)).toEqual([["n", 2]]);
  });

  it("P5: numbers are stored once and without a hole, those of another user are others", async () => {
    ann.section(emit(numbered(1, 2)));
    ann.section(emit(numbered(1, 2, 3)));
    ann.section(emit(numbered(5), { firstNumber: 5, oldestOpen: 1 }));
    const cid = await FrameClient.on(await host.client({ auth: { user: "cid" } }));
    const [, again] = await ann.receipts.count(2);
    expect(again?.runs).toMatchObject([
      { count: 2, sequence: 1, duplicate: true },
      { count: 1, sequence: 3, duplicate: false },
    ]);
    expect(await ann.refused.count(1)).toMatchObject([{ error: { code: "PRODUCER_GAP", retryable: true } }]);
    cid.section(emit(numbered(1)));
    expect(await cid.receipts.count(1)).toMatchObject([{ runs: [{ sequence: 4, duplicate: false }] }]);
    expect(await bob.events.count(4)).toEqual([1, 2, 3, 1].map((n) => ["n", n]));
  });

  it("each message has its own exceptions, and all keep their order", async () => {
    const others: Emit[] = [{ except: [{ user: "bob" }] }, { except: [{ user: "bob" }] }, { except: ["bar"] }];
    ann.section(emit([{ args: "[1]" }, ...others.map((other, at) => ({ ...other, args: `[${at + 2}]` })), { args: "[5]" }]));
    const [receipts] = await ann.receipts.count(1);
    expect(receipts?.runs.map(({ count, sequence }) => [count, sequence])).toEqual([
      [1, 1],
      [2, 2],
      [1, 4],
      [1, 5],
    ]);
    expect(await bob.events.count(3)).toEqual([1, 4, 5].map((n) => ["n", n]));
  });

  it("P4: a chosen id with other content is refused alone, and has taken its number", async () => {
    ann.section(emit([{ id: "mine", chosenId: true, args: "[1]" }, { id: "mine", chosenId: true, args: "[2]" }, { args: "[3]" }]));
    const [receipts] = await ann.receipts.count(1);
    expect(receipts?.runs).toMatchObject([
      { count: 1, sequence: 1 },
      { count: 1, error: { code: "ID_CONFLICT" } },
      { count: 1, sequence: 2 },
    ]);
    ann.section(emit(numbered(4), { firstNumber: 4, oldestOpen: 1 }));
    expect((await ann.receipts.count(2))[1]?.runs).toMatchObject([{ count: 1, sequence: 3 }]);
  });

  const deep = `${"[".repeat(40)}${"]".repeat(40)}`;
  const malformed: readonly (readonly [string, Emit, Partial<PublishSection>, string, string])[] = [
    ["name", {}, { queue: "#no spaces" }, "BAD_REQUEST", 'room is "no spaces"'],
    ["atomic", {}, { atomic: true }, "BAD_REQUEST", "atomic"],
    ["event of Socket.IO", { event: "connect" }, {}, "BAD_REQUEST", 'event is "connect"'],
    ["event of Holdfast", { event: "holdfast:gap" }, {}, "BAD_REQUEST", "holdfast:gap"],
    ["headers of the server", { headers: { "holdfast:sender": "bob" } }, {}, "BAD_REQUEST", "holdfast:sender"],
    ["args that are no array", { args: '{"a":1}' }, {}, "BAD_REQUEST", "expected an array"],
    ["args that are no JSON", { args: '[1],["x"' }, {}, "BAD_REQUEST", "cannot be read"],
    ["deep args", { args: deep }, {}, "BAD_REQUEST", "nested deeper"],
    ["a reply queue", { replyTo: "answers" }, {}, "BAD_REQUEST", "replyTo"],
    ["a priority", { priority: 3 }, {}, "BAD_REQUEST", "priority"],
    ["a delay", { delayMs: 10 }, {}, "BAD_REQUEST", "delay"],
    ["except that is no JSON", { except: "[" }, {}, "BAD_REQUEST", "except"],
    ["except that is no list", { except: { user: "bob" } }, {}, "BAD_REQUEST", "except"],
    ["except with a bad name", { except: ["no spaces"] }, {}, "BAD_REQUEST", 'room is "no spaces"'],
    ["except with too many", { except: new Array(1_001).fill("bar") }, {}, "BAD_REQUEST", "except"],
    ["large", { args: JSON.stringify(["x".repeat(262_144)]) }, {}, "TOO_LARGE", "at most 262144"],
  ];
  it.each(malformed)("%s: refused whole, by name", async (_name, wrong, more, code, message) => {
    const request = ann.section(emit([{ args: "[1]" }, wrong], more));
    const [refused] = await ann.refused.count(1);
    expect(refused).toMatchObject({ request, error: { code, retryable: false } });
    expect(refused?.error.message).toContain(message);
    ann.section(emit(numbered(3), { firstNumber: 3 }));
    expect(await ann.receipts.count(1)).toMatchObject([{ runs: [{ count: 1, sequence: 1 }] }]);
    expect(await bob.events.count(1)).toEqual([["n", 3]]);
  });

  it("somebody unknown is told so, and is not taken for broken", async () => {
    const nobody = await FrameClient.on(await host.client());
    for (let n = 1; n <= 25; n++) nobody.section(emit(numbered(n), { firstNumber: n }));
    for (const { error } of await nobody.refused.count(25)) expect(error).toMatchObject({ code: "UNAUTHENTICATED", retryable: false });
    expect(host.holdfast.counters.malformedFrames).toBe(0);
  });
});

it("a room that may not be created is NOT_FOUND", async () => {
  const strict = await TestHost.open({ autoCreate: false });
  const client = await FrameClient.on(await strict.client({ auth: { user: "ann" } }));
  client.section(emit(numbered(1)));
  expect(await client.refused.count(1)).toMatchObject([{ error: { code: "NOT_FOUND", retryable: false } }]);
  await strict.close();
});
