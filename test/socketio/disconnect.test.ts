import type { Socket as ClientSocket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { Application } from "./application.js";

let app: Application;

afterEach(() => app.close());

const opened = async (options?: Parameters<typeof Application.open>[0]): Promise<void> => {
  app = await Application.open(options);
};

/** Why the connection ended, as the server and the client were told. */
async function reasons(client: ClientSocket, end: () => void): Promise<unknown[]> {
  const socket = app.socketOf(client);
  const told = [socket, client].map((side) => new Promise((resolve) => side.once("disconnect", resolve)));
  end();
  return Promise.all(told);
}

describe.each(["plain", "library"] as const)("reasons of a disconnect, consuming with %s", (consumes) => {
  beforeEach(() => opened());

  const open = (): Promise<ClientSocket> => app.client({ consumes });

  it("the client leaves the namespace", async () => {
    const client = await open();
    expect(await reasons(client, () => client.disconnect())).toEqual(["client namespace disconnect", "io client disconnect"]);
  });

  it("the server sends it away, with or without its connection", async () => {
    for (const whole of [false, true]) {
      const client = await open();
      const socket = app.socketOf(client);
      const told = await reasons(client, () => socket.disconnect(whole));
      expect(told).toEqual(["server namespace disconnect", "io server disconnect"]);
      expect(client.active).toBe(false);
    }
  });

  it("the connection is cut", async () => {
    const client = await open();
    const { conn } = app.socketOf(client);
    const [server, own] = await reasons(client, () => conn.close());
    expect([server, own]).toEqual(["forced close", "transport close"]);
  });

  it("the connection is lost", async () => {
    const client = await open();
    const [server, own] = await reasons(client, () => client.io.engine.close());
    // An error when the server was about to send something.
    expect(server).toMatch(/^transport (close|error)$/);
    expect(own).toBe("forced close");
  });

  it("the server closes", async () => {
    const client = await open();
    const [server, own] = await reasons(client, () => void app.io.close());
    expect([server, own]).toEqual(["server shutting down", "transport close"]);
  });

  it("a packet cannot be read: of Socket.IO, of Engine.IO", async () => {
    const first = await open();
    expect(await reasons(first, () => first.io.engine.send("nonsense"))).toEqual(["forced close", "transport close"]);
    const second = await open();
    const { engine } = second.io as unknown as { engine: { transport: { ws: { send(text: string): void } } } };
    expect(await reasons(second, () => engine.transport.ws.send("nonsense"))).toEqual(["parse error", "transport close"]);
  });
});

describe("a connection that the server gives up", () => {
  it.each(["plain", "library"] as const)("the client is silent, consuming with %s", async (consumes) => {
    await opened({ pingInterval: 300, pingTimeout: 300 });
    const client = await app.client({ consumes });
    const { engine } = client.io as unknown as { engine: { transport: { ws: { _socket: { pause(): void; resume(): void } } } } };
    const tcp = engine.transport.ws._socket;
    const [server] = await reasons(client, () => {
      tcp.pause();
      app.socketOf(client).once("disconnect", () => tcp.resume());
    });
    expect(server).toBe("ping timeout");
  });

  it("one that joins no namespace", async () => {
    await opened({ connectTimeout: 300 });
    const raw = new WebSocket(`${app.url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`);
    await new Promise((resolve) => raw.once("close", resolve));
    expect(app.io.of("/").sockets.size).toBe(0);
  });
});
