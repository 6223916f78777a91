import fc from "fast-check";
import { ByteWriter, FrameWriter, ROOM_MARK, writePacked } from "holdfast-client/protocol";
import { changed, changes, hostile } from "./hostile.js";
import { REQUESTS } from "./requests.js";

/**
 * One thing to send to a server. `event`: on a connection that goes on afterwards. `frame`: so too, but after twenty of them the
 * server has enough. `packet`: the server may cut the connection. `http`: a request of its own.
 */
export type Input =
  | { readonly kind: "event"; readonly packet: string }
  | { readonly kind: "frame"; readonly frame: Uint8Array }
  | { readonly kind: "packet"; readonly parts: readonly (string | Uint8Array)[] }
  | { readonly kind: "http"; readonly method: string; readonly query: string; readonly body: string };

/** Acknowledgement ids stay below it: a sentinel of its own tells that the server got so far. */
const IDS_MAX = 1_000;

const textOf = (value: unknown): string => JSON.stringify(value) ?? "null";
const id = fc.nat(IDS_MAX - 1);

const ofOperation = fc.tuple(fc.constantFrom(...REQUESTS), changes, id).map(([[operation, payload], list, ack]) => ({
  kind: "event" as const,
  packet: `42${ack}${textOf([`holdfast:${operation}`, changed(payload, list)])}`,
}));

const anyArguments = fc.tuple(fc.constantFrom(...REQUESTS), fc.array(hostile, { maxLength: 3 }), id).map(([[operation], args, ack]) => ({
  kind: "event" as const,
  packet: `42${ack}${textOf([`holdfast:${operation}`, ...args])}`,
}));

const answer = fc.tuple(fc.oneof(id, fc.maxSafeNat()), fc.array(hostile, { maxLength: 2 })).map(([ack, args]) => ({
  kind: "event" as const,
  packet: `43${ack}${textOf(args)}`,
}));

/** Frames as a client would send them, before something happens to their bytes. */
const wholeFrame = fc
  .record({
    queue: fc.constantFrom("q", "p", `${ROOM_MARK}r`, "", "a b", "x".repeat(200)),
    producer: fc.constantFrom("p", "", "__proto__", "x".repeat(130)),
    count: fc.nat(5),
    firstNumber: fc.oneof(fc.nat(50), fc.maxSafeNat()),
    atomic: fc.boolean(),
    body: hostile,
    settle: fc.boolean(),
    handle: fc.nat(10),
    verb: fc.constantFrom("ack" as const, "nack" as const, "reject" as const, "release" as const, "extend" as const),
  })
  .map(({ queue, producer, count, firstNumber, atomic, body, settle, handle, verb }) => {
    const writer = new FrameWriter();
    const records = new ByteWriter(64);
    const number = firstNumber % 2 ** 48;
    for (let index = 0; index < count; index++) writePacked(records, `p-${number + index}`, 0, ["e", "k", '{"a":"b"}'], textOf(body));
    writer.publish({ request: 1, atomic, queue, producer, firstNumber: number, oldestOpen: number, count, records: records.take() });
    const terms = { nack: { delayMs: 5, reason: "r" }, extend: { leaseMs: 1_000 }, ack: {}, reject: {}, release: {} }[verb];
    if (settle) writer.settle({ request: 2, handle, runs: [{ first: number, count, verb, ...terms }] });
    return writer.take();
  });

const damage = fc.array(
  fc.record({ at: fc.nat(5_000), how: fc.constantFrom("flip", "cut", "repeat", "zero", "ones"), by: fc.integer({ min: 1, max: 255 }) }),
  {
    maxLength: 4,
  },
);

const frame = fc
  .oneof(
    { weight: 5, arbitrary: fc.tuple(wholeFrame, damage).map(([bytes, list]) => damaged(bytes, list)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  )
  .map((bytes) => ({ kind: "frame" as const, frame: bytes }));

function damaged(whole: Uint8Array, list: readonly { readonly at: number; readonly how: string; readonly by: number }[]): Uint8Array {
  let bytes = Uint8Array.from(whole);
  for (const { at, how, by } of list) {
    const place = at % Math.max(1, bytes.length);
    if (how === "cut") bytes = bytes.slice(0, place);
    else if (how === "repeat")
      bytes = Buffer.concat([bytes.subarray(0, place), bytes.subarray(Math.max(0, place - by)), bytes.subarray(place)]);
    else if (bytes.length > 0) bytes[place] = how === "flip" ? (bytes[place] ?? 0) ^ by : how === "zero" ? 0 : 0xff;
  }
  return bytes;
}

const PACKETS = [
  "40",
  '40{"user":"eve"}',
  "40/other,",
  "41",
  '421["holdfast:list",{"kind":"queues"}]',
  "431[]",
  "44",
  '451-["x",{"_placeholder":true,"num":0}]',
  '461-1["x"]',
  "2",
  "3",
  "2probe",
  "5",
  "6",
  "1",
  "0{}",
];

const packetText = fc.oneof(
  fc.constantFrom(...PACKETS),
  fc.tuple(fc.constantFrom(...PACKETS), fc.nat(100), fc.string({ maxLength: 10, unit: "binary" })).map(([packet, at, text]) => {
    const place = at % (packet.length + 1);
    return packet.slice(0, place) + text + packet.slice(place + (at % 2));
  }),
  fc.string({ maxLength: 100, unit: "binary" }),
  fc.tuple(fc.nat(9), fc.nat(9), hostile).map(([engine, socket, value]) => `${engine}${socket}${textOf(value)}`),
);

const packet = fc
  .array(fc.oneof({ weight: 4, arbitrary: packetText }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 100 }) }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => ({ kind: "packet" as const, parts }));

const QUERIES = [
  "EIO=4&transport=polling",
  "EIO=4&transport=polling&sid=__proto__",
  "EIO=3&transport=polling",
  "EIO=4&transport=websocket",
];
const http = fc
  .record({
    method: fc.constantFrom("GET", "POST", "PUT", "OPTIONS", "HEAD"),
    query: fc
      .tuple(fc.constantFrom(...QUERIES), fc.nat(60), fc.string({ maxLength: 8 }))
      .map(([query, at, text]) => query.slice(0, at) + encodeURIComponent(Buffer.from(text).toString()) + query.slice(at)),
    body: packetText,
  })
  .map((request) => ({ kind: "http" as const, ...request }));

const input: fc.Arbitrary<Input> = fc.oneof(
  { weight: 60, arbitrary: ofOperation },
  { weight: 10, arbitrary: anyArguments },
  { weight: 5, arbitrary: answer },
  { weight: 20, arbitrary: frame },
  { weight: 4, arbitrary: packet },
  { weight: 1, arbitrary: http },
);

/** So many inputs, always the same for a seed. */
export const inputsOf = (seed: number, count: number): Input[] => fc.sample(input, { seed, numRuns: count });
