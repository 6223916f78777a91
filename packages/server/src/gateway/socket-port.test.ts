import type { Socket as TcpSocket } from "node:net";
import type { Socket } from "socket.io";
import type { Socket as ClientSocket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AckIds, isBoundToLoopback, SocketPort, WAITING_BYTES_MAX, watchStaleAnswers } from "./socket-port.js";
import { TestHost, until } from "./test-host.js";

let host: TestHost;
let client: ClientSocket;
let socket: Socket;
let port: SocketPort;

beforeEach(async () => {
  host = await TestHost.open({ attach: false, io: { maxHttpBufferSize: 123_456 } });
  client = await host.client();
  const [only] = host.io.of("/").sockets.values();
  if (only === undefined) throw new Error("the server has no socket");
  socket = only;
  port = new SocketPort(socket, new AckIds(3));
});

afterEach(() => host.close());

/** What this file's neighbour relies on; when one of these fails after an upgrade of Socket.IO, look there. */
describe("internals of Socket.IO and Engine.IO", () => {
  it("have the shape that is used", () => {
    const internals = socket as unknown as Record<string, unknown>;
    expect(internals.packet).toBeTypeOf("function");
    expect(internals.acks).toBeInstanceOf(Map);
    const conn = socket.conn as unknown as { writeBuffer: unknown; transport: { socket: { bufferedAmount: unknown } } };
    expect(conn.writeBuffer).toBeInstanceOf(Array);
    expect(conn.transport.socket.bufferedAmount).toBeTypeOf("number");
    expect(port.packetBytesMax).toBe(123_456);
    expect(isBoundToLoopback(socket)).toBe(true);
  });

  it("send events with values and buffers", async () => {
    const got = new Promise((resolve) => client.once("event", resolve));
    port.send("event", { bytes: Buffer.from([1, 2]), text: "✓" });
    expect(await got).toEqual({ bytes: Buffer.from([1, 2]), text: "✓" });
  });

  it("C2: take a frame that is made ready in a buffer of its own, so that keeping it keeps nothing else", () => {
    for (const { options } of [port.encodeOnly("event", 1), port.encodeJson("event", Buffer.from("[1]"))].filter(
      (made) => made !== undefined,
    )) {
      const [frame] = options.wsPreEncodedFrame ?? [];
      expect(frame?.buffer.byteLength).toBe(frame?.length);
      expect(frame?.length).toBeGreaterThan(10);
    }
  });

  it("write the two packets of an event with a buffer at once", async () => {
    const { transport } = socket.conn as unknown as { transport: { socket: { _socket: TcpSocket } } };
    const writev = vi.spyOn(transport.socket._socket as unknown as { _writev(): void }, "_writev");
    const write = vi.spyOn(transport.socket._socket, "_write");
    const got = new Promise((resolve) => client.once("event", resolve));
    port.send("event", Buffer.from([1, 2]));
    expect(await got).toEqual(Buffer.from([1, 2]));
    expect(writev.mock.calls.length + write.mock.calls.length).toBe(1);
  });

  it("call an acknowledgement once, with ids that no other life gives, and not after it was dropped", async () => {
    client.on("question", (_payload, callback: (...args: unknown[]) => void) => {
      callback("first");
      callback("second");
    });
    const answers: unknown[][] = [];
    const id = port.sendForAnswer("question", 1, (...args) => answers.push(args));
    expect(id).toBe(3 * 2 ** 33 + 2 ** 32);
    await until(() => answers.length > 0);
    const dropped = port.sendForAnswer("question", 2, (...args) => answers.push(args));
    port.dropAnswer(dropped);
    const last = new Promise((resolve) => port.sendForAnswer("question", 3, resolve));
    expect(await last).toBe("first");
    expect(answers).toEqual([["first"]]);
    expect((socket as unknown as { acks: Map<number, unknown> }).acks.size).toBe(0);
    expect(Number.isSafeInteger(new AckIds(2 ** 20 - 1).next() + 2 ** 32 - 1)).toBe(true);
  });

  it("tell of answers to deliveries that are not waited for, of any life, and of no others", async () => {
    let stale = 0;
    watchStaleAnswers(socket, () => stale++);
    const answer = new Promise((resolve) => port.expectAnswer(3 * 2 ** 33 + 2 ** 32, resolve));
    const { io } = client as unknown as { io: { _packet(packet: object): void } };
    for (const id of [7, undefined, 2 ** 33 + 2 ** 32 + 7, 5 * 2 ** 33 - 1, 3 * 2 ** 33 + 2 ** 32])
      io._packet({ type: 3, nsp: "/", id, data: [] });
    await answer;
    expect(stale).toBe(2);
  });

  it.each([
    ["over WebSocket", {}, ["websocket"]],
    ["compressed", { perMessageDeflate: { threshold: 0 } }, ["websocket"]],
    ["by polling", {}, ["polling"]],
  ])("send an event that was encoded once to many sockets %s, each of which answers", async (_, io, transports) => {
    await host.close();
    host = await TestHost.open({ attach: false, io });
    const clients = [await host.client({ transports, namespace: "/" }), await host.client({ transports, namespace: "/" })];
    const ports = [...host.io.of("/").sockets.values()].map((each) => new SocketPort(each, new AckIds(3)));
    const [first] = ports;
    if (first === undefined) throw new Error("the server has no socket");
    const bodies = ["\u2713", "x".repeat(200), "y".repeat(70_000), Buffer.from([1, 2])];
    const events = bodies.map((body) => first.encode("question", [body, 7], first.nextId()));
    const got: unknown[][] = clients.map(() => []);
    for (const [index, each] of clients.entries()) {
      each.on("question", (body: unknown, seven: number, callback: (...args: unknown[]) => void) => {
        got[index]?.push(body);
        callback(index, seven);
      });
    }
    const answers: unknown[] = [];
    for (const each of ports) {
      each.inOneWrite(() => {
        for (const event of events) each.sendEncoded(event, (...args) => answers.push(args));
      });
    }
    await until(() => answers.length === 8);
    expect(got).toEqual([bodies, bodies]);
    expect(answers.filter((answer) => (answer as number[])[1] === 7)).toHaveLength(8);
  });

  it("take the answer to a packet of an earlier socket of the client", async () => {
    const answer = new Promise((resolve) => port.expectAnswer(77, resolve));
    const { io } = client as unknown as { io: { _packet(packet: object): void } };
    io._packet({ type: 3, nsp: "/", id: 77, data: ["late"] });
    expect(await answer).toBe("late");
  });

  it("let what a client sends wait at its end, and lose none of it", async () => {
    const got: unknown[] = [];
    socket.on("event", (value) => got.push(value));
    const goOn = port.holdReading();
    client.emit("event", 1);
    // Others come and are read meanwhile.
    await host.client();
    expect(got).toEqual([]);
    goOn();
    await until(() => got.length === 1);
    client.emit("event", 2);
    await until(() => got.length === 2);
    expect(got).toEqual([1, 2]);
  });

  it("tell when the client's buffers are full, and when there is room again", async () => {
    expect(port.isFull()).toBe(false);
    const { io } = client as unknown as { io: { engine: { transport: { ws: { _socket: { pause(): void; resume(): void } } } } } };
    const tcp = io.engine.transport.ws._socket;
    tcp.pause();
    const bytes = Buffer.alloc(WAITING_BYTES_MAX);
    while (!port.isFull()) {
      port.send("bytes", bytes);
      await new Promise((resolve) => setImmediate(resolve));
    }
    let woken = 0;
    port.whenRoom(() => woken++);
    await new Promise((resolve) => setImmediate(resolve));
    expect(woken).toBe(0);
    tcp.resume();
    await until(() => woken === 1);
    expect(port.isFull()).toBe(false);
    port.send("bytes", bytes);
    await until(() => !port.isFull());
    expect(woken).toBe(1);
  });
});
