import { type ConnectOptions, connect, type Holdfast as Client, HoldfastError } from "holdfast-client";
import { admin } from "holdfast-client/admin";
import { authenticate } from "holdfast-client/authenticate";
import { afterEach, beforeEach, expect, it } from "vitest";
import { AUTH, tokenOf } from "../auth/test-tokens.js";
import { TestHost, until } from "./test-host.js";

const ALL = { publish: ["*"], consume: ["*"], admin: ["*"] };

let host: TestHost;
const clients: Client[] = [];

beforeEach(async () => {
  host = await TestHost.open({ auth: AUTH });
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close({ timeoutMs: 0 });
  await host.close();
});

function enter(options: ConnectOptions): Client {
  const client = connect(`http://127.0.0.1:${host.port}`, { forceNew: true, reconnectionDelay: 5, reconnectionDelayMax: 10, ...options });
  clients.push(client);
  return client;
}

const failure = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

it("a client that is refused fails what waits, and what comes, with the server's reason; a right token lets it go on", async () => {
  const client = enter({ auth: { token: await tokenOf({ exp: 1 }) } });
  const orders = client.queue("orders");
  const expected = { code: "UNAUTHENTICATED", retryable: false, message: expect.stringContaining("the token is expired") };
  expect(await failure(orders.publish(1))).toMatchObject(expected);
  expect(await failure(orders.publish(2))).toMatchObject(expected);
  expect(await failure(admin(client).queues())).toBeInstanceOf(HoldfastError);
  client.socket.auth = { token: await tokenOf({ holdfast: ALL }) };
  client.socket.connect();
  await until(() => client.socket.connected);
  await until(async () => !((await failure(orders.publish(3))) instanceof Error));
  await until(async () => (await host.holdfast.queue("orders").stats()).ready >= 1);
});

it("P5: a function as auth gives a fresh token after the old one expired, and nothing is lost on the way", async () => {
  let lifeSeconds = 2;
  const auth = (callback: (data: object) => void): void => {
    const exp = Math.floor(Date.now() / 1_000) + lifeSeconds;
    lifeSeconds = 3_600;
    void tokenOf({ exp, holdfast: ALL }).then((token) => callback({ token }));
  };
  const client = enter({ auth });
  const bodies: unknown[] = [];
  client.queue("orders").consume((delivery) => {
    bodies.push(delivery.body);
  });
  const numbers: number[] = [];
  let isOver = false;
  client.socket.on("disconnect", () => {
    isOver = true;
  });
  while (!isOver || numbers.length % 10 !== 0) {
    numbers.push(numbers.length);
    await client.queue("orders").publish(numbers.length - 1);
  }
  await until(() => bodies.length >= numbers.length);
  expect([...new Set(bodies)].sort((a, b) => Number(a) - Number(b))).toEqual(numbers);
});

it("an outage of the application's authenticate ends no client: it comes back, with its consumers and what it published", async () => {
  await host.close();
  let failing: Error | undefined;
  const authenticate = (): { subject: string } & typeof ALL => {
    if (failing !== undefined) throw failing;
    return { subject: "ann", ...ALL };
  };
  host = await TestHost.open({ auth: { authenticate } });
  const client = enter({});
  const orders = client.queue("orders");
  const bodies: unknown[] = [];
  orders.consume((delivery) => void bodies.push(delivery.body));
  await orders.publish(0);
  const outages = [new Error("no database"), new HoldfastError("ENGINE_UNAVAILABLE", "no database")];
  for (const [index, outage] of outages.entries()) {
    failing = outage;
    let refusals = 0;
    client.socket.on("connect_error", () => refusals++);
    client.socket.io.engine.close();
    const published = orders.publish(index + 1);
    await until(() => refusals >= 2);
    failing = undefined;
    await published;
  }
  await until(() => bodies.length === 3);
  expect(bodies).toEqual([0, 1, 2]);
  failing = new HoldfastError("FORBIDDEN", "ann is banned");
  client.socket.io.engine.close();
  expect(await failure(orders.publish(3))).toMatchObject({
    code: "FORBIDDEN",
    retryable: false,
    message: expect.stringContaining("ann is banned"),
  });
});

it("authenticate replaces the token on the live connection, and for the next one", async () => {
  const client = enter({ auth: { token: await tokenOf({ holdfast: {} }), device: "phone" } });
  expect(await failure(client.queue("orders").publish(1))).toMatchObject({ code: "FORBIDDEN", retryable: false });
  const token = await tokenOf({ holdfast: ALL });
  expect(await authenticate(client, token)).toMatchObject({ expiresAt: expect.any(Number) });
  expect(client.socket.auth).toEqual({ token, device: "phone" });
  expect(await client.queue("orders").publish(1)).toMatchObject({ sequence: 1 });
  expect(await failure(authenticate(client, await tokenOf({ sub: "bob" })))).toMatchObject({ code: "FORBIDDEN" });
});

it("an administrator's client looks after the queues of any namespace", async () => {
  host.holdfast.administer(host.io);
  await host.holdfast.of("/shop").queue("orders").publish(1);
  const token = await tokenOf({ holdfast: { roles: ["operator"], publish: ["*"] } });
  const client = connect(`http://127.0.0.1:${host.port}/admin`, { forceNew: true, auth: { token } });
  clients.push(client);
  expect((await admin(client, "/shop").queues()).items).toEqual(["orders"]);
  expect(await admin(client, "/shop").queue("orders").purge()).toBe(1);
  expect(await failure(client.queue("orders").publish(1))).toMatchObject({ code: "FORBIDDEN" });
});

it("request and reply need no grant for the reply queue, which nobody else may read", async () => {
  const asks = enter({ auth: { token: await tokenOf({ holdfast: { publish: ["prices"] } }) } });
  const answers = enter({ auth: { token: await tokenOf({ sub: "bob", holdfast: { consume: ["prices"] } }) } });
  let replyTo = "";
  answers.queue("prices").consume((delivery) => {
    replyTo = delivery.replyTo ?? "";
    return 12;
  });
  expect(await asks.queue("prices").request({ item: "cod" }, { timeoutMs: 10_000 })).toBe(12);
  const token = await tokenOf({ sub: "eve", holdfast: ALL });
  const eve = await host.client({ auth: { token } });
  expect(await eve.timeout(10_000).emitWithAck("holdfast:consume", { queue: replyTo })).toMatchObject({
    error: { code: "FORBIDDEN", message: expect.stringContaining("has the answers for somebody else") },
  });
});
