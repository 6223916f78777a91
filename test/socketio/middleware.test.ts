import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "socket.io";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Application } from "./application.js";
import { next } from "./hearing.js";

let app: Application;

beforeEach(async () => {
  app = await Application.open();
});

afterEach(() => app.close());

const refused = (data: object): Error => Object.assign(new Error("no entry"), { data });

describe("middleware", () => {
  it("io.use: in order, sees the handshake, may refuse with data", async () => {
    const order: string[] = [];
    app.io.use((socket, go) => {
      order.push("first");
      go(socket.handshake.auth.secret === "yes" ? undefined : refused({ code: 7 }));
    });
    app.io.use(async (socket, go) => {
      order.push("second");
      await socket.join("checked");
      socket.data.user = "bob";
      go();
    });
    await expect(app.client()).rejects.toMatchObject({ message: "no entry", data: { code: 7 } });
    const client = await app.client({ auth: { secret: "yes" } });
    expect(order).toEqual(["first", "first", "second"]);
    expect(app.socketOf(client).data).toEqual({ user: "bob" });
    expect(app.socketOf(client).rooms).toContain("checked");
  });

  it("a namespace's: guards its own events and its queues", async () => {
    const orders = app.io.of("/orders");
    orders.use((socket, go) => go(socket.handshake.auth.staff === true ? undefined : new Error("staff only")));
    app.holdfast.attach(orders);
    await app.client();
    await expect(app.client({ namespace: "/orders" })).rejects.toThrow("staff only");
    const staff = await app.client({ namespace: "/orders", auth: { staff: true } });
    expect(await staff.emitWithAck("holdfast:publish", { queue: "q", body: 1 })).toMatchObject({ ok: true });
  });

  it("socket.use: sees every packet that comes in, may stop one, Holdfast's too", async () => {
    const seen: unknown[] = [];
    app.io.on("connection", (socket) => {
      socket.use(([event, payload], go) => {
        seen.push(event);
        go(event === "forbidden" || payload?.queue === "forbidden" ? new Error(`${event} is forbidden`) : undefined);
      });
      socket.on("error", (error) => socket.emit("refused", error.message));
      socket.on("allowed", (answer: (text: string) => void) => answer("done"));
      socket.on("forbidden", () => seen.push("handled"));
    });
    const client = await app.client();
    const first = next(client, "refused");
    client.emit("forbidden");
    expect(await first).toEqual(["forbidden is forbidden"]);
    const second = next(client, "refused");
    client.emit("holdfast:publish", { queue: "forbidden", body: 1 });
    expect(await second).toEqual(["holdfast:publish is forbidden"]);
    expect(await client.emitWithAck("allowed")).toBe("done");
    expect(await client.emitWithAck("holdfast:publish", { queue: "q", body: 1 })).toMatchObject({ ok: true });
    expect((await app.holdfast.queues()).items).not.toContain("forbidden");
    expect(seen).not.toContain("handled");
  });

  it("engine.use: HTTP middleware sees every handshake", async () => {
    const seen: (string | undefined)[] = [];
    app.io.engine.use((request: IncomingMessage, _response: ServerResponse, go: () => void) => {
      seen.push(request.headers["x-client"]?.toString());
      go();
    });
    await app.client({ transports: ["polling"], extraHeaders: { "x-client": "a" } });
    expect(seen).toContain("a");
    expect(new Set(seen).size).toBe(1);
  });
});

/** The application's names only: a catch-all listener of a client or of `socket.onAny` sees Holdfast's requests and deliveries too. */
const own = (events: readonly string[]): string[] => events.filter((event) => !event.startsWith("holdfast:"));

describe("catch-all listeners of the server", () => {
  it("onAny, prependAny, offAny", async () => {
    const client = await app.client();
    const socket = app.socketOf(client);
    const seen: string[] = [];
    const late = (event: string): void => void seen.push(`late ${event}`);
    socket.onAny((event: string) => seen.push(event));
    socket.onAny(late);
    socket.prependAny((event: string) => seen.push(`early ${event}`));
    expect(socket.listenersAny()).toHaveLength(3);
    socket.on("news", (answer: () => void) => answer());
    await client.emitWithAck("news");
    expect(seen.filter((event) => event.endsWith("news"))).toEqual(["early news", "news", "late news"]);
    socket.offAny(late);
    await client.emitWithAck("news");
    expect(seen.filter((event) => event === "late news")).toHaveLength(1);
    socket.offAny();
    expect(socket.listenersAny()).toEqual([]);
  });

  it("onAnyOutgoing, prependAnyOutgoing: see the application's events, also broadcasts, and none of Holdfast's", async () => {
    const client = await app.client();
    const socket: Socket = app.socketOf(client);
    const seen: string[] = [];
    socket.onAnyOutgoing((event: string) => seen.push(event));
    socket.prependAnyOutgoing((event: string) => seen.push(`early ${event}`));
    const delivered = next(client, "holdfast:delivery");
    client.on("question", (answer: () => void) => answer());
    socket.emit("one");
    app.io.emit("all");
    await socket.emitWithAck("question");
    await delivered;
    expect(seen).toEqual(["early one", "one", "early all", "all", "early question", "question"]);
    socket.offAnyOutgoing();
    socket.emit("two");
    expect(seen).toHaveLength(6);
  });
});

describe("catch-all listeners of a client", () => {
  it("onAny, prependAny, onAnyOutgoing, prependAnyOutgoing and their ends", async () => {
    const client = await app.client();
    const socket = app.socketOf(client);
    socket.on("ping me", (answer: () => void) => answer());
    const [incoming, outgoing]: string[][] = [[], []];
    client.onAny((event: string) => incoming?.push(event));
    client.prependAny((event: string) => incoming?.push(`early ${event}`));
    client.onAnyOutgoing((event: string) => outgoing?.push(event));
    client.prependAnyOutgoing((event: string) => outgoing?.push(`early ${event}`));
    socket.emit("news");
    app.io.emit("all");
    await client.emitWithAck("ping me");
    expect(own(incoming ?? []).filter((event) => !event.startsWith("early holdfast:"))).toEqual(["early news", "news", "early all", "all"]);
    expect(own(outgoing ?? []).filter((event) => !event.startsWith("early holdfast:"))).toEqual(["early ping me", "ping me"]);
    client.offAny().offAnyOutgoing();
    const { length } = incoming ?? [];
    socket.emit("news");
    await client.emitWithAck("ping me");
    expect(incoming).toHaveLength(length);
  });
});
