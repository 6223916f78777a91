import type { Namespace } from "socket.io";
import type { Socket as ClientSocket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Application, connected } from "./application.js";
import { hearers, next } from "./hearing.js";

let app: Application;

beforeEach(async () => {
  app = await Application.open();
});

afterEach(() => app.close());

const publish = (client: ClientSocket, body: unknown): Promise<unknown> => client.emitWithAck("holdfast:publish", { queue: "own", body });
const bodies = async (namespace: string): Promise<unknown[]> =>
  (await app.holdfast.of(namespace).queue("own").peek()).items.map(({ body }) => body);

describe("namespaces", () => {
  it("by name: events, rooms and queues of their own", async () => {
    const orders = app.io.of("/orders");
    app.holdfast.attach(orders);
    orders.on("connection", (socket) => socket.join("kitchen"));
    const inRoot = await app.client();
    const inOrders = await app.clients(2, { namespace: "/orders" });
    expect(await hearers(orders, inOrders, (event) => orders.to("kitchen").emit(event))).toEqual([0, 1]);
    expect(await hearers(app.io, [inRoot], (event) => app.io.to("kitchen").emit(event))).toEqual([]);
    await publish(inRoot, "root");
    await publish(inOrders[0] as ClientSocket, "orders");
    expect([await bodies("/"), await bodies("/orders")]).toEqual([["root"], ["orders"]]);
  });

  it("by pattern: made when a client asks for one", async () => {
    const tenants = app.io.of(/^\/tenant-\d+$/);
    app.holdfast.attach(tenants);
    const made: string[] = [];
    app.io.on("new_namespace", ({ name }: Namespace) => made.push(name));
    tenants.on("connection", (socket) => socket.emit("welcome", socket.nsp.name));
    const client = app.newClient({ namespace: "/tenant-7" });
    const welcome = next(client, "welcome");
    await connected(client);
    expect(await welcome).toEqual(["/tenant-7"]);
    expect(made).toEqual(["/tenant-7"]);
    await publish(client, 7);
    expect(await bodies("/tenant-7")).toEqual([7]);
    await expect(app.client({ namespace: "/tenant-x" })).rejects.toThrow("Invalid namespace");
  });

  it("by function: as it decides, from name and credentials", async () => {
    const dynamic = app.io.of((name, auth, decide) => decide(null, name === "/secret" && auth.key === "open"));
    app.holdfast.attach(dynamic);
    await expect(app.client({ namespace: "/secret", auth: { key: "shut" } })).rejects.toThrow("Invalid namespace");
    const client = await app.client({ namespace: "/secret", auth: { key: "open" } });
    expect(await publish(client, 1)).toMatchObject({ ok: true });
    expect(await hearers(app.io.of("/secret"), [client], (event) => dynamic.emit(event))).toEqual([0]);
  });

  it("one that Holdfast is not attached to knows nothing of it", async () => {
    app.io.of("/plain");
    const client = await app.client({ namespace: "/plain" });
    await expect(client.timeout(50).emitWithAck("holdfast:publish", { queue: "q", body: 1 })).rejects.toThrow("timed out");
  });

  it("several on one connection, left one by one", async () => {
    app.holdfast.attach(app.io.of("/orders"));
    const root = await app.client();
    const orders = root.io.socket("/orders");
    await connected(orders);
    expect(app.socketOf(orders, "/orders").conn).toBe(app.socketOf(root).conn);
    expect(await publish(orders, 1)).toMatchObject({ ok: true });
    const left = new Promise((resolve) => app.socketOf(orders, "/orders").once("disconnect", resolve));
    orders.disconnect();
    expect(await left).toBe("client namespace disconnect");
    expect(root.connected).toBe(true);
    expect(await publish(root, 2)).toMatchObject({ ok: true });
  });
});
