import type { Socket } from "socket.io";
import type { Socket as ClientSocket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Application } from "./application.js";

type Answer = (...args: unknown[]) => void;

let app: Application;
let clients: ClientSocket[];
let sockets: Socket[];

beforeEach(async () => {
  app = await Application.open();
  clients = await app.clients(3);
  sockets = clients.map((client) => app.socketOf(client));
  for (const [place, client] of clients.entries()) client.on("place", (answer: Answer) => answer(place));
  await Promise.all(sockets.slice(1).map((socket) => socket.join("room")));
});

afterEach(() => app.close());

describe("acknowledgements of one client", () => {
  it("callback of socket.emit, with several values and binary", async () => {
    clients[0]?.on("question", (text: string, bytes: Buffer, answer: Answer) => answer(text, bytes, { bytes }));
    const answers = await new Promise((resolve) =>
      sockets[0]?.emit("question", "so?", Buffer.from([1]), (...args: unknown[]) => resolve(args)),
    );
    expect(answers).toEqual(["so?", Buffer.from([1]), { bytes: Buffer.from([1]) }]);
  });

  it("emitWithAck, also with many under way", async () => {
    clients[0]?.on("double", (value: number, answer: Answer) => answer(value * 2));
    const values = Array.from({ length: 100 }, (_, value) => value);
    expect(await Promise.all(values.map((value) => sockets[0]?.emitWithAck("double", value)))).toEqual(values.map((value) => value * 2));
  });

  it("timeout(...).emitWithAck: the answer, or a rejection", async () => {
    expect(await sockets[1]?.timeout(30_000).emitWithAck("place")).toBe(1);
    await expect(sockets[1]?.timeout(1).emitWithAck("unheard")).rejects.toThrow("operation has timed out");
  });

  it("the client's answer counts once", async () => {
    clients[0]?.on("question", (answer: Answer) => {
      answer("first");
      answer("second");
    });
    const answers: unknown[] = [];
    await new Promise<void>((resolve) =>
      sockets[0]?.emit("question", (answer: unknown) => {
        answers.push(answer);
        resolve();
      }),
    );
    await sockets[0]?.emitWithAck("place");
    expect(answers).toEqual(["first"]);
  });

  it("ids of the application's acknowledgements stay its own, whatever Holdfast delivers between", async () => {
    const before = app.io.of("/")._ids;
    for (let round = 0; round < 20; round++) await sockets[0]?.emitWithAck("place");
    expect(app.io.of("/")._ids - before).toBe(20);
  });
});

describe("acknowledgements of several clients", () => {
  it("io.timeout().emit with a callback: one answer each", async () => {
    const [error, answers] = await new Promise<[Error | null, number[]]>((resolve) =>
      app.io.timeout(30_000).emit("place", (...args: [Error | null, number[]]) => resolve(args)),
    );
    expect(error).toBeNull();
    expect([...answers].sort()).toEqual([0, 1, 2]);
  });

  it("io.timeout().to(room).emit with a callback", async () => {
    const [error, answers] = await new Promise<[Error | null, number[]]>((resolve) =>
      app.io
        .timeout(30_000)
        .to("room")
        .emit("place", (...args: [Error | null, number[]]) => resolve(args)),
    );
    expect(error).toBeNull();
    expect([...answers].sort()).toEqual([1, 2]);
  });

  it("emitWithAck of a broadcast, of a room, of all but one, of nobody", async () => {
    const sorted = async (answers: Promise<unknown>): Promise<unknown[]> => ((await answers) as number[]).sort();
    expect(await sorted(app.io.timeout(30_000).emitWithAck("place"))).toEqual([0, 1, 2]);
    expect(await sorted(app.io.timeout(30_000).to("room").emitWithAck("place"))).toEqual([1, 2]);
    expect(await sorted(app.io.timeout(30_000).except("room").emitWithAck("place"))).toEqual([0]);
    expect(await sorted(app.io.of("/").timeout(30_000).to("room").emitWithAck("place"))).toEqual([1, 2]);
    expect(await app.io.timeout(30_000).to("nobody").emitWithAck("place")).toEqual([]);
  });

  it("from a socket: of the others", async () => {
    const answers = await (sockets[1] as Socket).broadcast.timeout(30_000).emitWithAck("place");
    expect([...answers].sort()).toEqual([0, 2]);
    expect(await (sockets[1] as Socket).to("room").timeout(30_000).emitWithAck("place")).toEqual([2]);
  });

  it("one that never answers is an error, with the answers of the others", async () => {
    clients[0]?.off("place");
    const failure: unknown = await app.io
      .timeout(1_000)
      .emitWithAck("place")
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ message: "operation has timed out" });
    expect([...(failure as { responses: number[] }).responses].sort()).toEqual([1, 2]);
  });
});
