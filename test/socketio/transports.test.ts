import type { Socket } from "socket.io";
import type { Socket as ClientSocket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Application } from "./application.js";
import { heard } from "./hearing.js";

let app: Application;

beforeEach(async () => {
  app = await Application.open();
});

afterEach(() => app.close());

const upgraded = (client: ClientSocket): Promise<void> =>
  new Promise((resolve) => {
    if (client.io.engine.transport.name === "websocket") resolve();
    else client.io.engine.once("upgrade", () => resolve());
  });

/** Values, texts and buffers of several sizes, both ways and back. */
async function exchange(socket: Socket, client: ClientSocket): Promise<void> {
  socket.on("echo", (...args: unknown[]) => (args.pop() as (...answer: unknown[]) => void)(...args));
  const values = [1, "text with ✓ and \u001e", { deep: [{ bytes: Buffer.from([0, 255]) }] }, Buffer.alloc(100_000, 7)];
  for (const value of values) expect(await client.emitWithAck("echo", value)).toEqual(value);
  const [got] = await heard(app.io, [client], "news", () => {
    for (const value of values) socket.emit("news", value, Buffer.from([1]));
  });
  expect(got).toEqual(values.map((value) => [value, Buffer.from([1])]));
}

describe.each(["plain", "library"] as const)("transports of a client that consumes with %s", (consumes) => {
  it("HTTP long polling alone", async () => {
    const client = await app.client({ consumes, transports: ["polling"] });
    const socket = app.socketOf(client);
    await exchange(socket, client);
    expect(socket.conn.transport.name).toBe("polling");
  });

  it("WebSocket alone", async () => {
    const client = await app.client({ consumes, transports: ["websocket"] });
    await exchange(app.socketOf(client), client);
    expect(app.socketOf(client).conn.upgraded).toBe(false);
  });

  it("long polling that upgrades, with packets under way, in order and once", async () => {
    const client = await app.client({ consumes, transports: ["polling", "websocket"] });
    const socket = app.socketOf(client);
    const values = Array.from({ length: 200 }, (_, value) => value);
    const [got] = await heard(app.io, [client], "news", async () => {
      for (const value of values.slice(0, 100)) socket.emit("news", value);
      await upgraded(client);
      for (const value of values.slice(100)) socket.emit("news", value);
    });
    expect(got).toEqual(values.map((value) => [value]));
    expect(socket.conn.transport.name).toBe("websocket");
    await exchange(socket, client);
  });
});

describe("binary events", () => {
  it("carry Buffer, ArrayBuffer and typed arrays, several in one", async () => {
    const client = await app.client();
    const socket = app.socketOf(client);
    const bytes = Uint8Array.of(1, 2, 3);
    const got = new Promise((resolve) => socket.once("bytes", (...args: unknown[]) => resolve(args)));
    client.emit("bytes", bytes, bytes.buffer, { list: [Buffer.from(bytes), "text", Buffer.alloc(0)] });
    const buffer = Buffer.from(bytes);
    expect(await got).toEqual([buffer, buffer, { list: [buffer, "text", Buffer.alloc(0)] }]);
  });
});
