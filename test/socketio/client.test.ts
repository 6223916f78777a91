import type { Socket } from "socket.io";
import type { Socket as ClientSocket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Application, type ClientOptions, connected } from "./application.js";

type Answer = (...args: unknown[]) => void;

/** What the application on the server got, and what a test waits for of it. */
class Received {
  readonly events: unknown[][] = [];
  #wake: () => void = () => undefined;

  listen(socket: Socket): void {
    socket.on("news", (...args: unknown[]) => this.#add(args));
    socket.on("message", (...args: unknown[]) => this.#add(["message", ...args]));
    socket.on("echo", (value: unknown, answer: Answer) => answer(value));
  }

  #add(args: unknown[]): void {
    this.events.push(args);
    this.#wake();
  }

  async count(count: number): Promise<unknown[][]> {
    while (this.events.length < count) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.events;
  }
}

let app: Application;
let received: Received;

beforeEach(async () => {
  app = await Application.open();
  received = new Received();
  app.io.on("connection", (socket) => received.listen(socket));
});

afterEach(() => app.close());

describe.each(["plain", "library"] as const)("emit from a client, consuming with %s", (consumes) => {
  const open = (options: ClientOptions = {}): Promise<ClientSocket> => app.client({ consumes, ...options });

  it("emit and send: any arguments, in order", async () => {
    const client = await open();
    client.emit("news", 1, "2", { three: Buffer.from([3]) });
    client.send("hello", 4);
    client.emit("news");
    expect(await received.count(3)).toEqual([[1, "2", { three: Buffer.from([3]) }], ["message", "hello", 4], []]);
  });

  it("emit with a callback, emitWithAck, and many at once", async () => {
    const client = await open();
    expect(await new Promise((resolve) => client.emit("echo", Buffer.from([7]), resolve))).toEqual(Buffer.from([7]));
    const values = Array.from({ length: 100 }, (_, value) => value);
    expect(await Promise.all(values.map((value) => client.emitWithAck("echo", value)))).toEqual(values);
  });

  it("timeout: an answer in time, or an error", async () => {
    const client = await open();
    expect(await client.timeout(30_000).emitWithAck("echo", 1)).toBe(1);
    await expect(client.timeout(1).emitWithAck("unheard")).rejects.toThrow("operation has timed out");
    const args = await new Promise((resolve) => client.timeout(30_000).emit("echo", 2, (...got: unknown[]) => resolve(got)));
    expect(args).toEqual([null, 2]);
  });

  it("ackTimeout: for every emit", async () => {
    const client = await open({ ackTimeout: 30_000 });
    expect(await client.emitWithAck("echo", 1)).toBe(1);
    expect(await new Promise((resolve) => client.emit("echo", 2, (...got: unknown[]) => resolve(got)))).toEqual([null, 2]);
  });

  it("retries: sent again until it is answered, one after the other", async () => {
    let refusals = 2;
    app.io.on("connection", (socket) =>
      socket.on("flaky", (value: unknown, answer: Answer) => {
        received.events.push(["flaky", value]);
        if (refusals-- <= 0) answer(value);
      }),
    );
    const client = await open({ retries: 2, ackTimeout: 400 });
    expect(await Promise.all([client.emitWithAck("flaky", 1), client.emitWithAck("echo", 2)])).toEqual([1, 2]);
    expect(received.events).toEqual(Array.from({ length: 3 }, () => ["flaky", 1]));
    await expect(client.emitWithAck("unheard")).rejects.toThrow("operation has timed out");
    expect(await client.emitWithAck("echo", 3)).toBe(3);
  });

  it("volatile: dropped while there is no connection, sent with one; others wait for it", async () => {
    const client = app.newClient({ consumes });
    client.volatile.emit("news", "dropped");
    client.emit("news", "kept");
    await connected(client);
    await received.count(1);
    const { engine } = client.io;
    const sent = (): boolean => engine.transport.writable;
    while (!sent()) await new Promise<void>((resolve) => engine.once("drain", () => resolve()));
    client.volatile.emit("news", "taken");
    expect(await received.count(2)).toEqual([["kept"], ["taken"]]);
  });

  it("compress: as each packet asks", async () => {
    const client = await open();
    client.compress(false).emit("news", 1);
    client.compress(true).emit("news", 2);
    expect(await received.count(2)).toEqual([[1], [2]]);
  });

  it("reconnects by itself, with a new id, and what was emitted meanwhile arrives once", async () => {
    const client = await open({ reconnection: true });
    const { id } = client;
    const lost = new Promise((resolve) => client.once("disconnect", resolve));
    app.socketOf(client).conn.close();
    expect(await lost).toBe("transport close");
    client.emit("news", "while away");
    await received.count(1);
    expect(client.id).not.toBe(id);
    expect(client.recovered).toBeFalsy();
    expect(await client.emitWithAck("echo", 1)).toBe(1);
    expect(received.events).toEqual([["while away"]]);
  });

  it("disconnect and connect again, with other credentials", async () => {
    let rounds = 0;
    const client = await open({ auth: (give: (auth: object) => void) => give({ round: rounds++ }) });
    client.disconnect();
    await connected(client);
    expect(app.socketOf(client).handshake.auth).toMatchObject({ round: 1 });
    expect(await client.emitWithAck("echo", 1)).toBe(1);
  });
});
