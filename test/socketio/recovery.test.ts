import type { Socket } from "socket.io";
import type { Socket as ClientSocket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Application } from "./application.js";
import { collect, heard, next } from "./hearing.js";

let app: Application;

beforeEach(async () => {
  app = await Application.open({ connectionStateRecovery: {} });
});

afterEach(() => app.close());

/** A client that got one event of the application: before that Socket.IO has nothing to recover from. */
async function open(consumes: "plain" | "library" | "nothing"): Promise<ClientSocket> {
  const client = await app.client({ consumes, reconnection: true });
  await heard(app.io, [client], "other", () => app.io.emit("other"));
  return client;
}

/** Cuts the connection as a network does, and resolves once the server noticed. */
async function cut(client: ClientSocket): Promise<void> {
  const socket = app.socketOf(client);
  const noticed = new Promise((resolve) => socket.once("disconnect", resolve));
  client.io.engine.close();
  await noticed;
}

const names = (): unknown[] => {
  const { packets } = app.io.of("/").adapter as unknown as { readonly packets: readonly { readonly data: readonly unknown[] }[] };
  return packets.map(({ data }) => data[0]);
};

describe.each(["plain", "library"] as const)("connection state recovery of a client that consumes with %s", (consumes) => {
  it("gives back id, rooms, data, and what the application emitted meanwhile, in order and once", async () => {
    const client = await open(consumes);
    const socket = app.socketOf(client);
    const { id } = client;
    socket.data.user = "bob";
    await socket.join("room");
    const got = collect(client, "news");
    await heard(app.io, [client], "other", () => app.io.emit("news", 0));
    await cut(client);
    const back = new Promise<Socket>((resolve) => app.io.once("connection", resolve));
    app.io.emit("news", 1);
    app.io.to("room").emit("news", 2, Buffer.from([2]));
    app.io.to("elsewhere").emit("news", "not for this client");
    socket.emit("news", 3);
    const recovered = await back;
    expect([recovered.recovered, recovered.id, recovered.data]).toEqual([true, id, { user: "bob" }]);
    expect(recovered.rooms).toEqual(new Set([id, "room"]));
    await next(client, "connect");
    expect([client.recovered, client.id]).toEqual([true, id]);
    await heard(app.io, [client], "other", () => app.io.emit("news", 4));
    expect(got.map(([value]) => value)).toEqual([0, 1, 2, 3, 4]);
  });

  it("keeps none of Holdfast's packets, and the consumer goes on", async () => {
    const client = await open(consumes);
    const beside = consumes === "plain" ? "holdfast:delivery" : "holdfast:frame";
    await next(client, beside);
    await cut(client);
    app.io.emit("news");
    await next(client, "connect");
    expect(client.recovered).toBe(true);
    for (let count = 0; count < 3; count++) await next(client, beside);
    expect(names()).toEqual(["other", "last", "news"]);
  });
});

describe("a consumer of a recovered socket", () => {
  it("is gone with its connection, and starts anew", async () => {
    const client = await open("nothing");
    const { consumer } = await client.emitWithAck("holdfast:consume", { queue: "own" });
    await cut(client);
    await next(client, "connect");
    expect(client.recovered).toBe(true);
    const resumed = await client.emitWithAck("holdfast:consume", { queue: "own", consumer });
    expect(resumed).toMatchObject({ ok: false, error: { code: "NOT_FOUND" } });
    const delivery = next(client, "holdfast:delivery");
    expect(await client.emitWithAck("holdfast:consume", { queue: "own" })).toMatchObject({ ok: true });
    await app.holdfast.queue("own").publish("for the new one");
    const [payload, settle] = (await delivery) as [{ body: unknown }, () => void];
    expect(payload.body).toBe("for the new one");
    settle();
  });
});
