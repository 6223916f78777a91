import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Shell } from "../e2e/cli-process.js";
import { joined, openSocket, PING, PollingSession } from "./raw.js";

/** What a server with short times asks of a connection. */
const shell = new Shell();
let url: string;

beforeAll(async () => {
  const flags = ["--polling", "--engine", "memory", "--ping-interval-ms", "200", "--ping-timeout-ms", "1000"];
  url = (await shell.serve(shell.directory(), 0, flags)).url;
});

afterAll(() => shell.close());

describe("heartbeat", () => {
  it("the handshake tells the times", async () => {
    const { handshake } = await PollingSession.open(url);
    expect(handshake).toMatchObject({ pingInterval: 200, pingTimeout: 1_000 });
  });

  it("by polling: a ping each interval, as long as it is answered", async () => {
    const session = await PollingSession.open(url);
    for (let round = 0; round < 3; round++) {
      expect(await session.poll()).toEqual([PING]);
      expect((await session.post("3")).status).toBe(200);
    }
  });

  it("by WebSocket: a ping each interval, as long as it is answered", async () => {
    const { socket } = await openSocket(url);
    for (let round = 0; round < 3; round++) {
      expect(await socket.text()).toBe(PING);
      socket.send("3");
    }
    socket.close();
  });

  it("a client that does not answer is let go, by WebSocket and by polling", async () => {
    const socket = await joined(url);
    expect(await socket.text()).toBe(PING);
    await socket.closed;
    const session = await PollingSession.open(url);
    expect(await session.poll()).toEqual([PING]);
    // The poll that waits when the time is over ends with the session.
    expect(await session.poll().catch(() => ["1"])).not.toEqual([PING]);
    expect((await session.get()).status).toBe(400);
  });

  it("a connection that joins no namespace is closed after 5 s, though it answers", async () => {
    const { socket } = await openSocket(url);
    const pongs = (async (): Promise<void> => {
      for (;;) if ((await socket.next()) === PING) socket.send("3");
    })();
    await expect(pongs).rejects.toThrow("closed");
  });
});
