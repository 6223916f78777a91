import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Socket as ClientSocket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AUTH, tokenOf } from "../auth/test-tokens.js";
import { ask, TestHost } from "./test-host.js";

describe("the namespace of administrators", () => {
  let host: TestHost;
  let directory: string;

  const open = async (engine: "memory" | "level" = "memory"): Promise<void> => {
    host = await TestHost.open({ auth: AUTH, engine, directory });
    host.holdfast.attach(host.io.of("/shop"));
    host.holdfast.administer(host.io);
  };
  const enter = async (sub: string, ...roles: string[]): Promise<ClientSocket> =>
    host.client({ namespace: "/admin", auth: { token: await tokenOf({ sub, jti: `of-${sub}`, holdfast: { roles } }) } });

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "holdfast-admin-"));
  });
  afterEach(async () => {
    await host.close();
    await rm(directory, { recursive: true, force: true });
  });

  it("lets in viewers and operators only, whatever else they may", async () => {
    await open();
    const admin = { admin: ["*"], publish: ["*"], roles: ["cook"] };
    const entering = host.client({ namespace: "/admin", auth: { token: await tokenOf({ holdfast: admin }) } });
    const refusal = await entering.catch((error: Error & { data?: unknown }) => error.data);
    expect(refusal).toEqual({ code: "FORBIDDEN", message: 'that needs role viewer, which "ann" does not have', retryable: false });
    const viewer = await enter("vic", "viewer");
    expect(await ask(viewer, "holdfast:purge", { namespace: "/", queue: "orders" })).toMatchObject({ error: { code: "FORBIDDEN" } });
  });

  it("looks after the queues and rooms of any namespace that is named", async () => {
    await open();
    const shop = host.holdfast.of("/shop");
    await shop.queue("orders").publish({ item: "cod" });
    await shop.room("kitchen").add({ user: "ann" });
    const viewer = await enter("vic", "viewer");
    expect(await ask(viewer, "holdfast:list", { namespace: "/shop", kind: "queues" })).toEqual({ ok: true, items: ["orders"] });
    expect(await ask(viewer, "holdfast:stats", { namespace: "/shop", queue: "orders" })).toMatchObject({ ok: true, ready: 1 });
    expect(await ask(viewer, "holdfast:peek", { namespace: "/shop", queue: "orders" })).toMatchObject({
      items: [{ body: { item: "cod" } }],
    });
    expect(await ask(viewer, "holdfast:members", { namespace: "/shop", room: "kitchen" })).toMatchObject({ items: [{ user: "ann" }] });
    const { id } = await shop.room("kitchen").emit("order", { table: 4 });
    const receipts = { namespace: "/shop", room: "kitchen", id };
    expect(await ask(viewer, "holdfast:receipts", receipts)).toEqual({
      ok: true,
      counts: { delivered: 0, pending: 1, failed: 0 },
      delivered: [],
      pending: ["ann"],
      failed: [],
    });
    expect(await ask(viewer, "holdfast:receipts", { ...receipts, watch: true })).toMatchObject({ error: { code: "BAD_REQUEST" } });
    expect(await ask(viewer, "holdfast:list", { namespace: "/", kind: "queues" })).toEqual({ ok: true, items: [] });
    expect(await ask(viewer, "holdfast:list", { kind: "queues" })).toMatchObject({
      error: { message: 'namespace is missing, expected the one whose queues and rooms are meant, such as "/"' },
    });
    const operator = await enter("olga", "operator");
    expect(await ask(operator, "holdfast:purge", { namespace: "/shop", queue: "orders" })).toEqual({ ok: true, count: 1 });
    expect(await ask(operator, "holdfast:add", { namespace: "/shop", room: "kitchen", member: { queue: "orders" } })).toEqual({ ok: true });
    for (const event of ["publish", "consume", "join", "emit"]) {
      expect(await ask(operator, `holdfast:${event}`, { namespace: "/shop", queue: "orders", body: 1 })).toMatchObject({
        error: { code: "FORBIDDEN" },
      });
    }
  });

  it("disconnects a user, and revokes and restores", async () => {
    await open();
    const operator = await enter("olga", "operator");
    const bob = await host.client({ auth: { token: await tokenOf({ sub: "bob", iat: 1 }) } });
    const gone = new Promise((resolve) => bob.once("disconnect", resolve));
    expect(await ask(operator, "holdfast:disconnect", { user: "bob", namespace: "/shop" })).toEqual({ ok: true, connections: 0 });
    expect(await ask(operator, "holdfast:disconnect", { user: "bob" })).toEqual({ ok: true, connections: 1 });
    expect(await gone).toBe("io server disconnect");
    const back = new Promise<void>((resolve) => bob.once("connect", resolve));
    bob.connect();
    await back;
    expect(await ask(operator, "holdfast:revoke", { subject: "bob" })).toMatchObject({ ok: true, connections: 1 });
    expect(await ask(operator, "holdfast:restore", { subject: "bob" })).toEqual({ ok: true });
    expect(await ask(operator, "holdfast:restore", { subject: "bob" })).toMatchObject({ error: { code: "NOT_FOUND" } });
    expect(await ask(operator, "holdfast:revoke", { user: "bob" })).toMatchObject({ error: { code: "BAD_REQUEST" } });
  });

  it("an operator who is revoked is out, too", async () => {
    await open();
    const operator = await enter("olga", "operator");
    const gone = new Promise((resolve) => operator.once("disconnect", resolve));
    await host.holdfast.revoke({ tokenId: "of-olga" });
    await gone;
  });

  it("every change goes to the audit log, also one that was refused, and one of a client; what only looks does not", async () => {
    await open("level");
    const operator = await enter("olga", "operator");
    await ask(operator, "holdfast:define", { namespace: "/shop", queue: "orders", leaseMs: 1_000 });
    await ask(operator, "holdfast:stats", { namespace: "/shop", queue: "orders" });
    const message = { body: "a secret" };
    await ask(operator, "holdfast:schedule", { namespace: "/shop", queue: "orders", name: "n", cron: "0 2 * * *", message });
    await ask(await enter("vic", "viewer"), "holdfast:delete", { namespace: "/shop", queue: "orders" });
    const ann = await host.client({ auth: { token: await tokenOf({ holdfast: { admin: ["mine"], publish: ["mine"] } }) } });
    await ask(ann, "holdfast:publish", { queue: "mine", body: 1 });
    await ask(ann, "holdfast:purge", { queue: "mine" });
    await ask(ann, "holdfast:purge", { queue: "x".repeat(100_000) });
    await host.holdfast.revoke({ subject: "bob" });
    const text = await readFile(join(directory, "auth", "audit.ndjson"), "utf8");
    const entries = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const olga = {
      at: expect.any(String),
      who: "olga",
      by: "token",
      tokenId: "of-olga",
      from: expect.stringContaining("127.0.0.1"),
      through: "/admin",
    };
    expect(entries).toMatchObject([
      { ...olga, operation: "define", request: { namespace: "/shop", queue: "orders", leaseMs: 1_000 }, outcome: "ok" },
      { ...olga, operation: "schedule", request: { namespace: "/shop", queue: "orders", name: "n" }, outcome: "ok" },
      { ...olga, who: "vic", tokenId: "of-vic", operation: "delete", outcome: "FORBIDDEN" },
      { who: "ann", through: "/", operation: "purge", request: { queue: "mine" }, outcome: "ok" },
      { who: "ann", through: "/", operation: "purge", outcome: "FORBIDDEN" },
      { who: "this process", operation: "revoke", request: { subject: "bob" }, outcome: "ok" },
    ]);
    expect(text).not.toContain("a secret");
    expect(text.length).toBeLessThan(4_000);
  });

  it("the audit log has the client's address, not that of a proxy, and none that a client makes up", async () => {
    host = await TestHost.open({ auth: AUTH, engine: "level", directory, trustedProxies: 1 });
    const ask = async (forwardedFor: string): Promise<void> => {
      const token = await tokenOf({ holdfast: { admin: ["*"] } });
      const ann = await host.client({ auth: { token }, extraHeaders: { "X-Forwarded-For": forwardedFor } });
      await ann.timeout(10_000).emitWithAck("holdfast:define", { queue: "orders" });
    };
    await ask("6.6.6.6, 203.0.113.9");
    await host.close();
    host = await TestHost.open({ auth: AUTH, engine: "level", directory });
    await ask("6.6.6.6");
    const lines = (await readFile(join(directory, "auth", "audit.ndjson"), "utf8")).trimEnd().split("\n");
    expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([{ from: "203.0.113.9" }, { from: "127.0.0.1" }]);
  });

  it("a revocation holds after a restart, beside the embedded engine", async () => {
    await open("level");
    await host.holdfast.revoke({ subject: "bob" });
    await host.close();
    await open("level");
    const entering = host.client({ auth: { token: await tokenOf({ sub: "bob", iat: 1 }) } });
    await expect(entering).rejects.toMatchObject({ data: { code: "UNAUTHENTICATED", message: "the token or key is revoked" } });
  });
});
