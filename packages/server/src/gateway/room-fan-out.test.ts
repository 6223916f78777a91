import type { Socket as ClientSocket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SocketPort, WAITING_BYTES_MAX } from "./socket-port.js";
import { ask, Happenings, TestHost, until } from "./test-host.js";

let host: TestHost;

beforeEach(async () => {
  host = await TestHost.open();
});

afterEach(async () => {
  vi.restoreAllMocks();
  await host.close();
});

const connect = (user: string, listen: (socket: ClientSocket) => void): Promise<ClientSocket> => host.client({ auth: { user }, listen });

describe("fan-out", () => {
  it("encodes a message once for all devices that get it at a time, and each answers for itself", async () => {
    const got = new Happenings<string>();
    const users = ["ann", "bob", "cid", "dan"];
    const clients: ClientSocket[] = [];
    for (const user of users) {
      const socket = await connect(user, (made) =>
        made.on("order", (_table: number, callback: () => void) => {
          got.add(user);
          if (user !== "dan") callback();
        }),
      );
      clients.push(socket);
      await ask(socket, "holdfast:join", { room: "kitchen" });
    }
    const encode = vi.spyOn(SocketPort.prototype, "encode");
    const [ann] = clients;
    if (ann === undefined) throw new Error("nobody is connected");
    await ask(ann, "holdfast:emit", { room: "kitchen", event: "order", args: [4], id: "o-1" });
    expect([...(await got.count(4))].sort()).toEqual(users);
    expect(encode).toHaveBeenCalledTimes(1);
    await until(async () => {
      const { counts } = await ask(ann, "holdfast:receipts", { room: "kitchen", id: "o-1" });
      return (counts as { delivered: number }).delivered === 3;
    });
    expect(await ask(ann, "holdfast:receipts", { room: "kitchen", id: "o-1" })).toMatchObject({ pending: ["dan"] });
  });

  it("C2: pulls nothing for a device that does not read, and goes on where it was when it does", async () => {
    const got = new Happenings<number>();
    const slow = await connect("slow", (made) =>
      made.on("n", (n: number, _text: string, callback: () => void) => {
        got.add(n);
        callback();
      }),
    );
    await ask(slow, "holdfast:join", { room: "kitchen" });
    const ann = await connect("ann", () => undefined);
    const { io } = slow as unknown as { io: { engine: { transport: { ws: { _socket: { pause(): void; resume(): void } } } } } };
    const tcp = io.engine.transport.ws._socket;
    tcp.pause();
    const total = 200;
    for (let n = 1; n <= total; n++) {
      await ask(ann, "holdfast:emit", { room: "kitchen", event: "n", args: [n, "x".repeat(WAITING_BYTES_MAX)] });
    }
    const [server] = [...host.io.of("/").sockets.values()].filter(({ handshake }) => handshake.auth.user === "slow");
    if (server === undefined) throw new Error("nobody is connected");
    const { writeBuffer, transport } = server.conn as unknown as {
      writeBuffer: readonly unknown[];
      transport: { socket: { bufferedAmount: number } };
    };
    expect(writeBuffer.length).toBeLessThan(4);
    expect(transport.socket.bufferedAmount).toBeLessThan(4 * WAITING_BYTES_MAX);
    expect(got.items.length).toBeLessThan(total);
    tcp.resume();
    expect(await got.count(total)).toEqual(Array.from({ length: total }, (_, index) => index + 1));
  });
});
