import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { admin } from "./admin.js";
import { type Delivery, HoldfastError, JsonText } from "./index.js";
import { recordsOf, TestServer } from "./test-server.js";
import { publishTogether } from "./together.js";
import { to } from "./users.js";

let server: TestServer;

beforeEach(async () => {
  server = await TestServer.start();
});

afterEach(() => server.stop());

/** What `call` throws, or rejects with; what it gives when it does neither. */
async function outcomeOf(call: () => unknown): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    return error;
  }
}

async function expectRefusal(call: () => unknown, message: string): Promise<void> {
  const error = await outcomeOf(call);
  expect(error, message).toBeInstanceOf(HoldfastError);
  expect(error).toMatchObject({ code: "BAD_REQUEST", retryable: false, message: expect.stringContaining(message) });
}

const badNames: readonly (readonly [shown: string, name: unknown])[] = [
  ["undefined", undefined],
  ["null", null],
  ["true", true],
  ["5", 5],
  ["NaN", Number.NaN],
  ["5", 5n],
  ["Symbol(orders)", Symbol("orders")],
  ["() => ", () => "orders"],
  ["an object", ["orders"]],
  ['""', ""],
  ['"no spaces"', "no spaces"],
  ["expected", "x".repeat(129)],
];

describe.each(badNames)("the name %s", (shown, name) => {
  const bad = name as string;

  test("is refused at once, by whatever is called so", async () => {
    const holdfast = server.connect({ autoConnect: false });
    const manager = admin(holdfast);
    await expectRefusal(() => holdfast.queue(bad), "queue is ");
    await expectRefusal(() => holdfast.queue(bad), shown);
    expect(() => holdfast.room(bad), "without waiting for a chunk").toThrow("room is ");
    expect(() => manager.queue(bad)).toThrow("queue is ");
    expect(() => manager.room(bad)).toThrow("room is ");
    await expectRefusal(() => manager.queue("orders").schedule(bad, { cron: "@daily" }, 1), "name is ");
    await expectRefusal(() => manager.queue("orders").unschedule(bad), "name is ");
    await expectRefusal(() => publishTogether(holdfast, [{ queue: bad, body: 1 }]), "queue is ");
    if (name === undefined) return;
    await expectRefusal(() => holdfast.queue("orders").publish(1, { replyTo: bad }), "replyTo is ");
    await expectRefusal(() => holdfast.room("kitchen").join({ device: bad }), "device is ");
  });
});

describe("what cannot be sent", () => {
  class Deep {
    toJSON(): unknown {
      return JSON.parse(`${"[".repeat(33)}${"]".repeat(33)}`);
    }
  }
  class Numbers {
    readonly trace = "7";
    toJSON(): unknown {
      return { trace: 7 };
    }
  }

  test.each([
    ["headers: null", { headers: null }],
    ["headers: a text", { headers: "trace" }],
    ["headers: an array", { headers: ["trace"] }],
    ["headers: a Date", { headers: new Date() }],
    ["headers: a BigInt in them", { headers: { trace: 7n } }],
    ["headers: headers in them", { headers: { "": { trace: "7" } } }],
    ["headers: not what their JSON is", { headers: new Numbers() }],
    ["headers: __proto__", { headers: JSON.parse('{"a":"b","__proto__":"c"}') }],
    ["priority", { priority: null }],
    ["ttlMs", { ttlMs: null }],
    ["delayMs", { delayMs: "1" }],
    ["notBefore", { notBefore: null }],
  ] as const)("in a message (%s) is refused, and the others of its turn are stored", async (what, options) => {
    const holdfast = server.connect({ autoConnect: false });
    const [field = what] = what.split(":");
    const publishes = [1, 2].map((body) => holdfast.queue("orders").publish(body));
    const bad = expectRefusal(() => holdfast.queue("orders").publish(3, options as never), field);
    publishes.push(holdfast.queue("bills").publish(4));
    holdfast.socket.connect();
    expect(await Promise.all(publishes)).toMatchObject([{ sequence: 1 }, { sequence: 2 }, { sequence: 1 }]);
    await bad;
    expect(server.stored.get("orders")).toEqual([1, 2]);
  });

  test("is told when it is published, of a body whose JSON is deeper than it", async () => {
    const holdfast = server.connect();
    await expectRefusal(() => holdfast.queue("orders").publish({ deep: new Deep() }), "deeper than 32");
    await expectRefusal(() => holdfast.room("kitchen").emit("order", new Deep()), "deeper than 32");
  });

  test("buffers in what an object gives as its JSON are kept", async () => {
    const orders = server.connect().queue("orders");
    await orders.publish({ toJSON: () => ({ photo: new Uint8Array([1, 2]) }) });
    expect(server.stored.get("orders")).toEqual([{ photo: new Uint8Array([1, 2]) }]);
  });

  test("a body that throws when it is read is refused", async () => {
    const body = {
      get item(): never {
        throw new Error("no item");
      },
    };
    await expectRefusal(() => server.connect().queue("orders").publish(body), "no item");
  });

  test("a date that is changed while its message waits is what it was", async () => {
    const holdfast = server.connect({ autoConnect: false });
    const date = new Date(Date.now() + 3_600_000);
    const published = holdfast.queue("orders").publish(1, { notBefore: date });
    date.setFullYear(9_999);
    holdfast.socket.connect();
    await published;
    const [record] = server.publishes().flatMap(recordsOf);
    expect(record?.timing?.delayMs).toBeLessThanOrEqual(3_600_000);
  });

  test("in a request is refused, and what waits with it is sent", async () => {
    const holdfast = server.connect({ autoConnect: false });
    const orders = holdfast.queue("orders");
    await expectRefusal(() => orders.define({ depthMax: 5n as unknown as number }), "BigInt");
    await expectRefusal(() => admin(holdfast).queue<unknown>("orders").schedule("a", { cron: "@daily" }, 5n), "BigInt");
    await expectRefusal(() => holdfast.room("kitchen").history({ before: 5n as unknown as number }), "BigInt");
    await expectRefusal(() => to(holdfast, "kitchen").emit("order", 5n), "BigInt");
    // JSON would make null of it.
    const done = (): void => undefined;
    await expectRefusal(() => holdfast.room("kitchen").emit("order", 1, done), "args.1 is ");
    await expectRefusal(() => holdfast.room("kitchen").emitWith({}, "order", done, 1), "args.0 is ");
    await expectRefusal(() => to(holdfast, "kitchen").emit("order", done), "args.0 is ");
    const published = orders.publish(1);
    holdfast.socket.connect();
    await published;
    await orders.define({ depthMax: 5 });
    expect(server.events()).toEqual(["holdfast:hello", "holdfast:define"]);
  });
});

describe("half a surrogate pair, which UTF-8 has no bytes for,", () => {
  const half = "table-\ud800";
  const refused = `"table-\\ud800", expected 1 to`;

  test.each(["id", "key", "event", "correlationId"])("in %s is refused: different ones would be stored as the same", async (field) => {
    const orders = server.connect().queue("orders");
    await expectRefusal(() => orders.publish(1, { [field]: half }), `${field} is ${refused}`);
    await orders.publish(1, { [field]: "table-\ud83d\ude00" });
    expect(server.publishes().flatMap(recordsOf)).toMatchObject([{ [field]: "table-😀" }]);
  });

  test("in what is emitted is refused, too", async () => {
    const kitchen = server.connect().room("kitchen");
    await expectRefusal(() => kitchen.emitWith({ id: half }, "order"), `id is ${refused}`);
    await expectRefusal(() => kitchen.emit(half), `event is ${refused}`);
    await expectRefusal(() => kitchen.emitWith({ except: [{ user: half }] }, "order"), "except is ");
  });

  test("in a body and in headers stays what it is, since JSON writes it as an escape", async () => {
    const orders = server.connect().queue("orders");
    await orders.publish(half, { headers: { trace: half } });
    expect(server.stored.get("orders")).toEqual([half]);
    expect(server.publishes().flatMap(recordsOf)).toMatchObject([{ headers: { trace: half } }]);
  });
});

describe("what is too large or of another kind", () => {
  test("is TOO_LARGE with headers above 8,192 bytes, in a queue and in a room", async () => {
    const holdfast = server.connect();
    const headers = { trace: "x".repeat(8_181) };
    await holdfast.queue("orders").publish(1, { headers: { trace: "x".repeat(8_180) } });
    const error = { code: "TOO_LARGE", retryable: false, message: "headers have 8193 bytes, expected up to 8192" };
    await expect(holdfast.queue("orders").publish(1, { headers })).rejects.toMatchObject(error);
    await expect(holdfast.room("kitchen").emitWith({ headers }, "order")).rejects.toMatchObject(error);
  });

  test("says how large it was, and what is taken", async () => {
    server.hello = { ...server.hello, frameBytesMax: 8_000, limits: { bodyBytesMax: 5_000 } };
    const orders = server.connect().queue("orders");
    await expect(orders.publish("x".repeat(5_978), { id: "i" })).rejects.toThrow(
      "publish was not sent: 5989 bytes, expected up to 5000, 8000 in all",
    );
    const array = [1, 2, 3].map(() => ({ body: "x".repeat(3_988), id: "i" }));
    await expect(orders.publishAll(array)).rejects.toThrow("publish was not sent: 7998 bytes, expected up to 5000, 8000 in all");
  });

  test("names what a server takes together, where that is less than what a message may have", async () => {
    server.hello = { ...server.hello, frameBytesMax: 8_000, limits: { bodyBytesMax: 262_144 } };
    await expect(server.connect().queue("orders").publish("x".repeat(7_989), { id: "i" })).rejects.toThrow(
      "publish was not sent: 8000 bytes, expected up to 262144, 8000 in all",
    );
  });

  test.each([
    ["{bad", "text is no JSON: SyntaxError"],
    [5, "text is 5, expected JSON text"],
    ['"\ud800"', "expected JSON text"],
    [`${"[".repeat(33)}${"]".repeat(33)}`, "deeper than 32"],
  ])("%j is no JsonText", async (text, message) => {
    await expectRefusal(() => new JsonText(text as string), message);
  });

  test.each([
    ["reason is 5, expected text", (delivery: Delivery) => delivery.reject(5 as unknown as string)],
    ["reason is null, expected text", (delivery: Delivery) => delivery.reject(null as unknown as string)],
    ["reason is 5, expected text", (delivery: Delivery) => delivery.nack({ reason: 5 as unknown as string })],
    ["delayMs is null, expected whole", (delivery: Delivery) => delivery.nack({ delayMs: null as unknown as number })],
    ['options is "busy", expected an object', (delivery: Delivery) => delivery.nack("busy" as unknown as object)],
    ["options is null, expected an object", (delivery: Delivery) => delivery.nack(null as unknown as object)],
    ["leaseMs is 0, expected whole", (delivery: Delivery) => delivery.extend(undefined as unknown as number)],
  ])("%s: a settlement is refused, and can be made otherwise", async (message, settle) => {
    server.onRequest = () => ({ ok: true, consumer: "c", handle: 1, epoch: "e", leaseMs: 30_000 });
    const stream = server.connect().queue("orders").consume();
    await server.until(() => server.events().includes("holdfast:consume"));
    server.deliver(1, 1, [1]);
    const { value } = await stream.next();
    if (value === undefined) throw new Error("expected a delivery");
    await expectRefusal(() => settle(value).then(), message);
    await value.ack();
  });

  test.each([
    ["options is null, expected an object", null],
    ["options is 5, expected an object", 5],
  ])("%s: what is said beside a body is refused", async (message, options) => {
    const holdfast = server.connect();
    await expectRefusal(() => holdfast.queue("orders").publish(1, options as never), message);
  });

  test.each([
    ["options is null, expected an object", null],
    ['options is "x", expected an object', "x"],
  ])("%s: what a consumer is to do is refused", async (message, options) => {
    const orders = server.connect().queue("orders");
    await expectRefusal(() => orders.consume(options as never), message);
    await expectRefusal(() => orders.consume(() => undefined, options as never), message);
  });
});

test.each([undefined, null, "x", {}])("a handler that is no function, such as %j, is refused", async (handler) => {
  const holdfast = server.connect();
  const kitchen = holdfast.room("kitchen");
  const bad = handler as never;
  if (typeof handler === "string") await expectRefusal(() => holdfast.queue("orders").consume(bad), 'options is "x"');
  await expectRefusal(() => kitchen.on("order", bad), "handler is ");
  await expectRefusal(() => kitchen.onGap(bad), "listener is ");
  await expectRefusal(() => kitchen.watchPresence(bad), "listener is ");
  await expectRefusal(() => kitchen.watchReceipts(bad), "listener is ");
  expect(holdfast.host.connection.greeting.rooms, "it is no device for their sake").toBe(false);
});
