import { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import { Server } from "socket.io";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Holdfast } from "../holdfast.js";
import { Entrance } from "./entrance.js";
import { TestHost } from "./test-host.js";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let host: TestHost | undefined;
afterEach(async () => {
  await host?.close();
  host = undefined;
});

describe("Entrance", () => {
  it("takes a few steps in a turn, in the order in which they came, and lets others have theirs in between", async () => {
    const entrance = new Entrance();
    const done: (number | string)[] = [];
    for (let step = 0; step < 10; step++) entrance.enter(() => done.push(step));
    expect(done).toEqual([0, 1, 2, 3]);
    const other = turn().then(() => done.push("other"));
    await other;
    expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 7, "other"]);
    await turn();
    expect(done.slice(9)).toEqual([8, 9]);
    entrance.enter(() => done.push("alone"));
    expect(done.at(-1)).toBe("alone");
  });

  it("does a step that asks for another one in its turn, and counts both", async () => {
    const entrance = new Entrance();
    const done: number[] = [];
    const again = (): void => {
      if (done.push(done.length) < 6) entrance.enter(again);
    };
    entrance.enter(again);
    expect(done).toHaveLength(4);
    await turn();
    expect(done).toHaveLength(6);
  });

  it("lets many in who come at once, and asks the server's own rule about each", async () => {
    const asked: (string | undefined)[] = [];
    host = await TestHost.open({
      io: {
        allowRequest: (request, decide) => {
          asked.push(request.url);
          decide(request.headers["x-guest"] === "no" ? "not you" : undefined, request.headers["x-guest"] !== "no");
        },
      },
    });
    const { io } = host;
    await Promise.all(Array.from({ length: 20 }, () => host?.client()));
    expect(io.of("/").sockets.size).toBe(20);
    expect(asked).toHaveLength(20);
    const refused = await fetch(`http://127.0.0.1:${host.port}/socket.io/?EIO=4&transport=polling`, { headers: { "x-guest": "no" } });
    expect(refused.status).toBe(403);
  });

  it("paces a server that listens later, and one that has several instances, once", async () => {
    const io = new Server();
    const holdfast = await Holdfast.open({ engine: "memory" });
    const other = await Holdfast.open({ engine: "memory" });
    holdfast.attach(io);
    const { allowRequest } = io._opts;
    expect(allowRequest).toBeTypeOf("function");
    other.attach(io.of("/other"));
    expect(io._opts.allowRequest).toBe(allowRequest);
    io.listen(0);
    expect((io.engine.opts as { allowRequest?: unknown }).allowRequest).toBe(allowRequest);
    other.attach(io.of("/third"));
    expect((io.engine.opts as { allowRequest?: unknown }).allowRequest).toBe(allowRequest);
    await Promise.all([holdfast.close(), other.close(), io.close()]);
  });

  it("survives a connection that breaks while its handshake waits", async () => {
    const io = new Server();
    const entrance = new Entrance();
    entrance.paceHandshakes(io);
    for (let step = 0; step < 4; step++) entrance.enter(() => undefined);
    const socket = new EventEmitter();
    const decide = vi.fn();
    io._opts.allowRequest?.({ socket } as unknown as IncomingMessage, decide);
    expect(() => socket.emit("error", new Error("read ECONNRESET"))).not.toThrow();
    expect(decide).not.toHaveBeenCalled();
    await turn();
    expect(decide).toHaveBeenCalledExactlyOnceWith(undefined, true);
    expect(socket.listenerCount("error")).toBe(0);
  });
});
